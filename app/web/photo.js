/** Photos in the browser: what may be sent, a smaller copy to send, and a small one to look at. */

const MAX_BYTES = 10 * 1024 * 1024;
const KINDS = ["image/jpeg", "image/png", "image/webp"];
const SENT_SIDE = 1600;
const THUMBNAIL_SIDE = 720;

/**
 * Makes a chosen file ready: `{ blob, thumbnail, problem }`.
 *
 * `blob` is what to send: a copy that is upright, at most 1600 px wide or high and without the camera's notes (place,
 * time), which therefore never leave the browser. `thumbnail` is a data URL, so that it outlives a reload in
 * sessionStorage. A file that the browser cannot decode is sent as it is and has no thumbnail: the server judges it.
 * `problem` names the text (in texts.photo) that says why the file cannot be sent at all.
 */
export async function prepare(file) {
  if (file.type && !file.type.startsWith("image/")) return { problem: "kind" };
  const bitmap = await decoded(file);
  if (!bitmap) {
    if (file.type && !KINDS.includes(file.type)) return { problem: "kind" };
    return file.size > MAX_BYTES ? { problem: "tooLarge" } : { blob: file, thumbnail: null };
  }
  const blob = await new Promise((resolve) => drawn(bitmap, SENT_SIDE).toBlob(resolve, "image/jpeg", 0.88));
  const thumbnail = drawn(bitmap, THUMBNAIL_SIDE).toDataURL("image/jpeg", 0.8);
  bitmap.close();
  return { blob: blob ?? file, thumbnail };
}

async function decoded(file) {
  try {
    return await createImageBitmap(file);
  } catch {
    return null;
  }
}

function drawn(bitmap, side) {
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  // JPEG has no transparency: what is transparent becomes white instead of black.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}
