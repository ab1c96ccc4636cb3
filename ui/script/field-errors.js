// Shows and removes the error of a field, with a message from the page.
const idOf = (field) => `${field.name}-wrong`;

export function showError(field) {
  if (field.getAttribute("aria-invalid") === "true") return;
  const fault = document.createElement("p");
  fault.className = "wrong";
  fault.id = idOf(field);
  fault.textContent = field.dataset.fault;
  field.closest("form.add, .field").append(fault);
  field.setAttribute("aria-invalid", "true");
  describe(field, (ids) => [fault.id, ...ids]);
}

export function clearError(field) {
  document.getElementById(idOf(field))?.remove();
  field.removeAttribute("aria-invalid");
  describe(field, (ids) => ids.filter((id) => id !== idOf(field)));
}

function describe(field, change) {
  const ids = change((field.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
  if (ids.length) field.setAttribute("aria-describedby", ids.join(" "));
  else field.removeAttribute("aria-describedby");
}
