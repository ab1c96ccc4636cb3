// A picture that cannot be had leaves its quiet frame instead of a broken sign. Those that failed
// before this ran are found by having no width.
const fade = (image) => image.closest(".frame") && image.setAttribute("hidden", "");
document.addEventListener("error", (event) => event.target instanceof HTMLImageElement && fade(event.target), true);
for (const image of document.images) if (image.complete && !image.naturalWidth && image.src) fade(image);
