// Weights from files beside the page. A page opened from disk may not fetch files, but it may run them as scripts: each
// file hands over the weights of one epoch as base64 (scripts.py).

const HANDED_OVER = "dlcvWeights"; // property of window, filled by the files

// Read the weights of one epoch; `address` is that of the file, `name` the one it was written for. Returns a Promise of
// bytes for `openNetwork` or `network.load`.
export function readWeights(address, name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const fail = () => reject(new Error(`the weights in ${address} cannot be read`));
    script.onload = () => {
      script.remove();
      const text = window[HANDED_OVER]?.[name];
      if (text === undefined) return fail();
      delete window[HANDED_OVER][name];
      try {
        resolve(bytesOf(text));
      } catch {
        fail(); // cut in the middle, it is no base64
      }
    };
    script.onerror = () => {
      script.remove();
      fail();
    };
    script.src = address;
    document.head.append(script);
  });
}

export function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}
