// The formats that runs and models are exported in.

export const MODEL_FORMATS = ["safetensors", "tfjs", "keras", "npz"] as const;
export type ModelFormat = (typeof MODEL_FORMATS)[number];

/** Formats of rounds and invocations, one table each. */
export const TABLE_FORMATS = ["csv", "jsonl", "parquet"] as const;
export type TableFormat = (typeof TABLE_FORMATS)[number];

/** Formats of tools that show a run. */
export const TOOL_FORMATS = ["tensorboard", "trace", "mlflow"] as const;
export type ToolFormat = (typeof TOOL_FORMATS)[number];

export const EXPORT_FORMATS = [...MODEL_FORMATS, ...TABLE_FORMATS, ...TOOL_FORMATS] as const;
