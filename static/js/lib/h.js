// Builds elements. Text goes in as text, never as markup; no inline styles, which the page's policy would refuse.
import { icon as spriteIcon } from "./dom.js";

/**
 * @typedef {Node | string | null | undefined | false} Child
 * @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Attributes
 */

/**
 * `h("button", {class: "btn", onclick: save}, "Save")`. A function under `on…` listens; `true` sets an empty attribute;
 * `false`, null and undefined leave it out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  put(node, ...children);
  return node;
}

/**
 * Replaces everything inside.
 * @param {Element} node
 * @param {...Child} children
 */
export function put(node, ...children) {
  node.replaceChildren(...children.filter((child) => child !== null && child !== undefined && child !== false));
}

/**
 * @param {string} name
 * @param {string} [extra] further class names
 */
export function icon(name, extra = "") {
  const svg = spriteIcon(name);
  if (extra) svg.setAttribute("class", `i ${extra}`);
  svg.setAttribute("focusable", "false");
  return svg;
}

/**
 * Points an icon that is already drawn at another picture.
 * @param {Element} root the icon's button or box
 * @param {string} name
 */
export function setIcon(root, name) {
  const use = root.querySelector("use");
  const next = `${document.documentElement.dataset.sprite}#i-${name}`;
  if (use && use.getAttribute("href") !== next) use.setAttribute("href", next);
}

/**
 * Writes only what changed, so that screen readers and selections are left alone.
 * @param {Element} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * @param {Element} node
 * @param {string} name
 * @param {string | null} value null takes the attribute away
 */
export function setAttr(node, name, value) {
  if (value === null) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/**
 * The element with this id, which the template promises.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`the page has no #${id}`);
  return node;
}

/**
 * Keeps one element per item, in the items' order, moving as few as it can: focus and playing video survive.
 * @template Item
 * @template {HTMLElement} Node_
 * @param {Element} parent
 * @param {Map<string, Node_>} kept elements by key, owned by the caller
 * @param {Item[]} items
 * @param {(item: Item) => string} keyOf
 * @param {(item: Item) => Node_} create
 * @param {(node: Node_, item: Item, index: number) => void} update
 */
export function keyed(parent, kept, items, keyOf, create, update) {
  const wanted = new Set(items.map(keyOf));
  for (const [key, node] of kept) {
    if (wanted.has(key)) continue;
    node.remove();
    kept.delete(key);
  }
  /** @type {Element | null} */
  let before = parent.firstElementChild;
  items.forEach((item, index) => {
    const key = keyOf(item);
    let node = kept.get(key);
    if (!node) {
      node = create(item);
      kept.set(key, node);
    }
    if (node === before) before = before.nextElementSibling;
    else parent.insertBefore(node, before);
    update(node, item, index);
  });
}
