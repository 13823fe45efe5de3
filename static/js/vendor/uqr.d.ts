// The part of uqr that static/js/lib/qr.js touches.

export function encode(text: string, options: { ecc: "L" | "M" | "Q" | "H"; border: number }): { size: number; data: boolean[][] };
