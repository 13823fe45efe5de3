// Small helpers around the document. No knowledge of any page.

/**
 * @template {Element} T
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {T | null}
 */
export const $ = (selector, root = document) => /** @type {T | null} */ (root.querySelector(selector));

/**
 * @template {Element} T
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {T[]}
 */
export const $$ = (selector, root = document) => /** @type {T[]} */ ([...root.querySelectorAll(selector)]);

/**
 * Builds an element. Text goes in as text, never as markup.
 * @param {string} tag
 * @param {Record<string, string | boolean>} [attributes] `true` sets an empty attribute, `false` leaves it out
 * @param {...(Node | string)} children
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * An icon of the sprite whose address the page names in `<html data-sprite>`.
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${document.documentElement.dataset.sprite}#i-${name}`);
  svg.append(use);
  return svg;
}

/**
 * Data that the server put beside the markup with `json_script`.
 * @param {string} id
 * @returns {any}
 */
export const pageData = (id) => JSON.parse($(`#${id}`)?.textContent ?? "null");

/**
 * Sets a text only if it differs: a live region would repeat itself otherwise.
 * @param {Element | null} node
 * @param {string} text
 */
export function say(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}
