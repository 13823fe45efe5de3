// Files that somebody drags onto a part of the page, or pastes there. Text stays text, and is left to the browser.

/** @typedef {{name: string, file: File | null}} Carried `file`: null of a folder */

/**
 * What is in an event’s hands, read while the event lasts: it is empty afterwards.
 * @param {DataTransfer | null} data
 * @returns {Carried[]}
 */
function carried(data) {
  /** @type {Carried[]} */
  const found = [];
  for (const item of data?.items ?? []) {
    if (item.kind !== "file") continue;
    const [entry, file] = [item.webkitGetAsEntry(), item.getAsFile()];
    if (entry?.isDirectory) found.push({ name: entry.name, file: null });
    else if (file) found.push({ name: file.name, file });
  }
  return found;
}

/** @param {DataTransfer | null} data */
const hasFiles = (data) => Boolean(data?.types.includes("Files"));

/**
 * @param {{isOver: (node: Node) => boolean, show: (over: boolean) => void, take: (files: Carried[]) => void}} parts
 *   `isOver`: whether files may be let go there
 */
export function onDrop({ isOver, show, take }) {
  /** Entered last: what is left after it was left on the way there. @type {EventTarget | null} */
  let entered = null;
  const over = (/** @type {DragEvent} */ event) => hasFiles(event.dataTransfer) && isOver(/** @type {Node} */ (event.target));
  document.addEventListener("dragenter", (event) => {
    entered = event.target;
    show(over(event));
  });
  document.addEventListener("dragleave", (event) => {
    if (event.target === entered) show(false);
  });
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event.dataTransfer)) return;
    // Beside it, too: a browser would open the file in the meeting's place.
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = over(event) ? "copy" : "none";
  });
  document.addEventListener("drop", (event) => {
    show(false);
    if (!hasFiles(event.dataTransfer)) return;
    event.preventDefault();
    if (over(event)) take(carried(event.dataTransfer));
  });
}

/**
 * @param {HTMLElement} node
 * @param {(files: Carried[]) => void} take
 */
export function onPaste(node, take) {
  node.addEventListener("paste", (event) => {
    const files = carried(event.clipboardData);
    if (!files.length || hasWords(event.clipboardData?.getData("text/plain") ?? "", files)) return;
    event.preventDefault();
    take(files);
  });
}

/**
 * Whether a clipboard with files has text of its own: what was copied in a text program comes with a picture of it, and what
 * was copied in a file manager with its names.
 * @param {string} text
 * @param {Carried[]} files
 */
function hasWords(text, files) {
  const names = new Set(files.map(({ name }) => name));
  const lines = text.split(/\r?\n/).filter(Boolean);
  return !lines.every((line) => line.startsWith("file:") || names.has(line.split(/[\\/]/).pop() ?? ""));
}
