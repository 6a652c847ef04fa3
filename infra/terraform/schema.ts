// The shape of a Terraform provider's schema, as googleSchema.json holds it.

/** A type as Terraform writes it in JSON: "string", ["list", "string"], ["object", {…}]. */
export type CtyType = string | readonly [string, CtyType | Readonly<Record<string, CtyType>>];

export interface Attribute {
  readonly type: CtyType;
  readonly required: boolean;
  readonly optional: boolean;
  readonly computed: boolean;
}

export interface NestedBlock {
  readonly nesting: "SINGLE" | "LIST" | "SET";
  readonly minItems: number;
  /** 0: no limit. */
  readonly maxItems: number;
  readonly block: Block;
}

export interface Block {
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly blocks: Readonly<Record<string, NestedBlock>>;
}

export interface ProviderSchema {
  /** The provider's version that it is of. */
  readonly version: string;
  readonly provider: Block;
  readonly resources: Readonly<Record<string, Block>>;
}
