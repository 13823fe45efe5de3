// What Lintel uses of uqr: the black and white of a QR code. Drawing it is ours.
export { encode } from "uqr";
