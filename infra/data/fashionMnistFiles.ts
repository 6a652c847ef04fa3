// The four files of Fashion-MNIST: their names, and the SHA-256 of what is in them once unpacked.
import { join } from "node:path";

export interface DataFile {
  readonly name: string;
  /**
   * Of the content after gunzip. The outer file differs between distributors (gzip keeps a name and a time).
   */
  readonly sha256: string;
}

export const fashionMnistFiles: readonly DataFile[] = [
  {
    name: "train-images-idx3-ubyte.gz",
    sha256: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
  },
  {
    name: "train-labels-idx1-ubyte.gz",
    sha256: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
  },
  {
    name: "t10k-images-idx3-ubyte.gz",
    sha256: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
  },
  {
    name: "t10k-labels-idx1-ubyte.gz",
    sha256: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
  },
];

/** Where set-up puts them. */
export function dataFolder(root: string): string {
  return join(root, ".cache", "data", "fashion-mnist");
}
