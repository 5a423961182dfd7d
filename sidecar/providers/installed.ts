import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import type { Flavour } from "../protocol/models.ts";

const programs: readonly { readonly flavour: Flavour; readonly binary: string; readonly start: string }[] = [
  { flavour: "ollama", binary: "ollama", start: "ollama serve" },
  { flavour: "mlx_lm", binary: "mlx_lm.server", start: "mlx_lm.server --model <model>" },
  { flavour: "mlx-vlm", binary: "mlx_vlm.server", start: "mlx_vlm.server --host 127.0.0.1" },
  { flavour: "vllm-mlx", binary: "vllm-mlx", start: "vllm-mlx serve <model>" },
  { flavour: "mlx-openai-server", binary: "mlx-openai-server", start: "mlx-openai-server launch --model-path <model>" },
  { flavour: "lmstudio", binary: "lms", start: "lms server start" },
];

/** Model servers whose program lies in one of these folders, with the command that starts them. Starts nothing. */
export async function installed(
  pathDirs: readonly string[],
): Promise<readonly { readonly flavour: Flavour; readonly start: string }[]> {
  const extensions = process.platform === "win32" ? [".exe", ".cmd"] : [""];
  const found = await Promise.all(
    programs.map(async ({ flavour, binary, start }) => {
      const files = pathDirs.flatMap((folder) => extensions.map((extension) => join(folder, binary + extension)));
      const tries = await Promise.all(
        files.map((file) =>
          access(file, constants.X_OK).then(
            () => true,
            () => false,
          ),
        ),
      );
      return tries.includes(true) ? { flavour, start } : null;
    }),
  );
  return found.filter((program) => program !== null);
}
