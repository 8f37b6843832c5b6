// Copy buttons and the permission filter. Every page works without this file.
for (const place of document.querySelectorAll(".copyable")) {
  const code = place.querySelector(".code");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  place.append(button);
}
for (const filter of document.querySelectorAll("[data-filter]")) {
  filter.addEventListener("input", () => {
    const wanted = filter.value.trim().toLowerCase();
    for (const row of document.querySelectorAll(filter.dataset.filter)) {
      row.hidden = !row.querySelector("input").checked && !row.textContent.toLowerCase().includes(wanted);
    }
    for (const group of document.querySelectorAll("fieldset.group")) {
      group.hidden = !group.querySelector(filter.dataset.filter + ":not([hidden])");
    }
  });
}
