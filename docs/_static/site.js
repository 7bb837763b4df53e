// What scrolls in a box of its own can be reached by the keyboard.
window.addEventListener("load", () => {
  for (const box of document.querySelectorAll("pre, .table-wrapper, .output_area, .math")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
});
