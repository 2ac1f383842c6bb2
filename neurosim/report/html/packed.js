"use strict";
// Arrays as the page holds them: base64 of deflated bytes, those of equal weight side by side.
const packed = (() => {
  const types = {Uint8Array, Uint16Array, Uint32Array, Float32Array};
  const known = new WeakMap();

  async function inflate(text) {
    const binary = atob(text), bytes = new Uint8Array(binary.length);
    for (let index = 0; index < binary.length; index += 1) bytes[index] = binary.charCodeAt(index);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  async function read(content) {
    const type = types[content.type], planes = await inflate(content.data), width = type.BYTES_PER_ELEMENT;
    if (width === 1) return planes;
    const bytes = new Uint8Array(planes.length);
    for (let byte = 0; byte < width; byte += 1) {
      const start = byte * content.n;
      for (let index = 0; index < content.n; index += 1) bytes[index * width + byte] = planes[start + index];
    }
    return new type(bytes.buffer);
  }

  // Each array is unpacked once, when it is first asked for.
  function unpack(content) {
    if (!content) return Promise.resolve(null);
    if (!known.has(content)) known.set(content, read(content));
    return known.get(content);
  }

  return {unpack};
})();
