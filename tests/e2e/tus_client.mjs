// Upload a file with tus-js-client as it comes, told on the command line:
//   node tus_client.mjs PACKAGE {"endpoint", "token", "file", "store", "chunk", "break_at", "options"}
// With break_at the process ends without a word when so many bytes were sent. Started again with
// the same store it goes on where the server is. Prints {"url", "resumed_at", "sent"}.
import fs from "node:fs";
import { createRequire } from "node:module";
import { PassThrough } from "node:stream";

const [folder, text] = process.argv.slice(2);
const tus = createRequire(import.meta.url)(folder);
const wanted = JSON.parse(text);
let resumedAt = null;

// With a deferred length the client must not know that this is a file, or it announces too much.
const file = fs.createReadStream(wanted.file);
const source = wanted.options?.uploadLengthDeferred ? file.pipe(new PassThrough()) : file;

const upload = new tus.Upload(source, {
  endpoint: wanted.endpoint,
  headers: { Authorization: `Bearer ${wanted.token}` },
  metadata: { filename: "clip.mp4", filetype: "video/mp4" },
  urlStorage: new tus.FileUrlStorage(wanted.store),
  chunkSize: wanted.chunk ?? Infinity,
  retryDelays: [100, 200, 500, 1000],
  ...wanted.options,
  onProgress(sent) {
    resumedAt ??= sent;
    if (wanted.break_at && sent >= wanted.break_at) process.kill(process.pid, "SIGKILL");
  },
  onError(error) {
    console.error(String(error));
    process.exit(1);
  },
  onSuccess() {
    console.log(JSON.stringify({ url: upload.url, resumed_at: resumedAt }));
  },
});

const [previous] = await upload.findPreviousUploads();
if (previous) upload.resumeFromPreviousUpload(previous);
upload.start();
