// Hides images that cannot be loaded, so that their placeholder shows. Images that failed before
// this script ran are recognized by their zero width.
const fade = (image) => image.closest(".frame") && image.setAttribute("hidden", "");
document.addEventListener("error", (event) => event.target instanceof HTMLImageElement && fade(event.target), true);
for (const image of document.images) if (image.complete && !image.naturalWidth && image.src) fade(image);
