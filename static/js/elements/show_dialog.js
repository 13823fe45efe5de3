// A native <dialog> of this moment: it is there until it is closed, and then the focus is where it was.

/**
 * @param {HTMLDialogElement} dialog
 * @param {HTMLElement} [first] what has the focus in it
 * @returns {Promise<string>} its `returnValue`, when it was closed
 */
export function showDialog(dialog, first) {
  const back = /** @type {HTMLElement | null} */ (document.activeElement);
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.onclose = () => {
      dialog.remove();
      if (back?.isConnected) {
        back.blur(); // Chromium gives the focus back by itself after a click, but no caret: what is typed would go nowhere
        back.focus();
      }
      resolve(dialog.returnValue);
    };
    dialog.showModal();
    first?.focus();
  });
}
