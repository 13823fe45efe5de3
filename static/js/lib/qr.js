// A QR code as a picture, made in this browser. What is in it goes nowhere else.
import { encode } from "../vendor/uqr.js";

const SVG = "http://www.w3.org/2000/svg";
const QUIET_ZONE = 4; // ISO/IEC 18004 section 9.1

/**
 * @param {string} text
 * @param {string} label for screen readers
 */
export function qrCode(text, label) {
  const { size, data } = encode(text, { ecc: "M", border: QUIET_ZONE });
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("class", "qr");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  const dark = document.createElementNS(SVG, "path");
  dark.setAttribute("d", pathOf(data));
  svg.append(dark);
  return svg;
}

/** A square for each dark module. @param {boolean[][]} rows */
export const pathOf = (rows) => rows.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : []))).join("");
