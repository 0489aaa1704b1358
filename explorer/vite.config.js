import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig } from "vite";

/** A `.gz` beside each file that it makes much smaller: the server gives it to whoever accepts it. */
function compressed() {
  let folder;
  return {
    name: "compressed",
    configResolved({ root, build }) {
      folder = join(root, build.outDir, "assets");
    },
    async closeBundle() {
      for (const name of await readdir(folder)) {
        const content = await readFile(join(folder, name));
        const packed = gzipSync(content, { level: 9 });
        if (packed.length < content.length * 0.9) await writeFile(join(folder, `${name}.gz`), packed);
      }
    },
  };
}

export default defineConfig({
  base: "/explorer/",
  plugins: [compressed()],
  worker: { format: "es" },
  build: {
    target: "es2022",
    reportCompressedSize: false,
    chunkSizeWarningLimit: 4000, // Monaco is large; it is loaded from the server itself, once
    modulePreload: { polyfill: false },
    rolldownOptions: {
      // Libraries mark files for other compilers ("use client"); a bundle has no use for it, so it is not worth a word.
      onwarn: (warning, warn) => warning.code === "MODULE_LEVEL_DIRECTIVE" || warn(warning),
    },
  },
});
