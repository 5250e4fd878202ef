/** Whether the index of an MP4 comes after its pictures, and where. Only heads of boxes are read. */

const HEAD_BYTES = 16;
const MOST_BOXES = 64;

/** Where the index and all that follows it begins, if pictures come before it; else null. */
export async function tailOf(file: Blob): Promise<number | null> {
  let at = 0;
  let hasPictures = false;
  for (let box = 0; box < MOST_BOXES && at + HEAD_BYTES <= file.size; box++) {
    const head = new DataView(await file.slice(at, at + HEAD_BYTES).arrayBuffer());
    const name = String.fromCharCode(...[4, 5, 6, 7].map((byte) => head.getUint8(byte)));
    if (at === 0 && name !== "ftyp") return null;
    if (name === "moov") return hasPictures ? at : null;
    hasPictures ||= name === "mdat";
    const short = head.getUint32(0);
    const size = short === 1 ? Number(head.getBigUint64(8)) : short;
    if (size < 8) return null;
    at += size;
  }
  return null;
}
