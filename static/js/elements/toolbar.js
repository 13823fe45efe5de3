// A toolbar with one tab stop: arrows move, Home and End jump (WAI-ARIA toolbar pattern).

/** @param {HTMLElement} toolbar */
export function rovingToolbar(toolbar) {
  const buttons = () => [...toolbar.querySelectorAll("button")].filter((button) => !button.hidden && button.offsetParent !== null);
  const settle = () => {
    const all = [...toolbar.querySelectorAll("button")];
    const visible = buttons();
    const current = visible.find((button) => button.tabIndex === 0) ?? visible[0];
    for (const button of all) button.tabIndex = button === current ? 0 : -1;
  };
  toolbar.addEventListener("keydown", (event) => {
    const visible = buttons();
    const at = visible.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    if (at < 0) return;
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: visible.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    visible[(to + visible.length) % visible.length].focus();
  });
  toolbar.addEventListener("focusin", (event) => {
    const target = /** @type {Element} */ (event.target).closest("button");
    for (const button of toolbar.querySelectorAll("button")) button.tabIndex = button === target ? 0 : -1;
  });
  // The bar itself has no box whose size could be watched.
  addEventListener("resize", settle);
  settle();
  return { settle };
}
