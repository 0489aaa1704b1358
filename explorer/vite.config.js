import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig } from "vite";

/** Writes a `.gz` next to each file that compresses well; the server sends it to clients that accept gzip. */
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
    chunkSizeWarningLimit: 4000, // Monaco is large, but it is cached
    modulePreload: { polyfill: false },
    rolldownOptions: {
      // Directives for other compilers ("use client") have no effect in a bundle: no warning.
      onwarn: (warning, warn) => warning.code === "MODULE_LEVEL_DIRECTIVE" || warn(warning),
    },
  },
});
