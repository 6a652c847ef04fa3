// The google.firestore.v1 messages that the embedded server reads and writes, in the form in which
// proto-loader decodes them: 64-bit integers as strings, enums by name, repeated fields and maps always
// there, everything else absent when unset.

export interface Timestamp {
  readonly seconds?: string;
  readonly nanos?: number;
}

export type Fields = Readonly<Record<string, Value>>;

export type NumberValue =
  | { readonly valueType: "integerValue"; readonly integerValue: string }
  | { readonly valueType: "doubleValue"; readonly doubleValue: number };

export type Value =
  | { readonly valueType: "nullValue"; readonly nullValue: "NULL_VALUE" }
  | { readonly valueType: "booleanValue"; readonly booleanValue: boolean }
  | NumberValue
  | { readonly valueType: "timestampValue"; readonly timestampValue: Timestamp }
  | { readonly valueType: "stringValue"; readonly stringValue: string }
  | { readonly valueType: "bytesValue"; readonly bytesValue: Buffer }
  | { readonly valueType: "referenceValue"; readonly referenceValue: string }
  | {
      readonly valueType: "geoPointValue";
      readonly geoPointValue: { readonly latitude?: number; readonly longitude?: number };
    }
  | { readonly valueType: "arrayValue"; readonly arrayValue: { readonly values: readonly Value[] } }
  | { readonly valueType: "mapValue"; readonly mapValue: { readonly fields: Fields } };

export interface Document {
  readonly name: string;
  readonly fields: Fields;
  readonly createTime?: Timestamp;
  readonly updateTime?: Timestamp;
}

export interface DocumentMask {
  readonly fieldPaths: readonly string[];
}

/* Writes */

export type Precondition =
  | { readonly conditionType?: undefined }
  | { readonly conditionType: "exists"; readonly exists: boolean }
  | { readonly conditionType: "updateTime"; readonly updateTime: Timestamp };

export type Write = {
  readonly updateMask?: DocumentMask;
  readonly updateTransforms: readonly unknown[];
  readonly currentDocument?: Precondition;
} & (
  | { readonly operation?: undefined }
  | { readonly operation: "update"; readonly update: Document }
  | { readonly operation: "delete"; readonly delete: string }
  | { readonly operation: "transform"; readonly transform: { readonly document?: string } }
);

export interface WriteResult {
  readonly updateTime?: Timestamp;
  readonly transformResults: readonly Value[];
}

export interface CommitRequest {
  readonly database?: string;
  readonly writes: readonly Write[];
  readonly transaction?: Buffer;
}

export interface CommitResponse {
  readonly writeResults: readonly WriteResult[];
  readonly commitTime?: Timestamp;
}

export interface BatchWriteRequest {
  readonly database?: string;
  readonly writes: readonly Write[];
}

export interface BatchWriteResponse {
  readonly writeResults: readonly WriteResult[];
  readonly status: readonly { readonly code: number; readonly message?: string }[];
}

/* Transactions */

export type TransactionOptions =
  | { readonly mode?: undefined }
  | { readonly mode: "readWrite" }
  | { readonly mode: "readOnly"; readonly readOnly: { readonly readTime?: Timestamp } };

export interface BeginTransactionRequest {
  readonly options?: TransactionOptions;
}

export interface RollbackRequest {
  readonly transaction?: Buffer;
}

/** Under which transaction, or as of when, a read is made; none of them means "now". */
export type Consistency =
  | { readonly consistencySelector?: undefined }
  | { readonly consistencySelector: "transaction"; readonly transaction: Buffer }
  | { readonly consistencySelector: "newTransaction"; readonly newTransaction: TransactionOptions }
  | { readonly consistencySelector: "readTime"; readonly readTime: Timestamp };

/* Queries */

export interface FieldReference {
  readonly fieldPath?: string;
}

export type FieldOperator =
  | "OPERATOR_UNSPECIFIED"
  | "LESS_THAN"
  | "LESS_THAN_OR_EQUAL"
  | "GREATER_THAN"
  | "GREATER_THAN_OR_EQUAL"
  | "EQUAL"
  | "NOT_EQUAL"
  | "ARRAY_CONTAINS"
  | "IN"
  | "ARRAY_CONTAINS_ANY"
  | "NOT_IN";

export interface FieldFilter {
  readonly field?: FieldReference;
  readonly op?: FieldOperator;
  readonly value?: Value;
}

export interface UnaryFilter {
  readonly field?: FieldReference;
  readonly op?: "OPERATOR_UNSPECIFIED" | "IS_NAN" | "IS_NULL" | "IS_NOT_NAN" | "IS_NOT_NULL";
}

export interface CompositeFilter {
  readonly op?: "OPERATOR_UNSPECIFIED" | "AND" | "OR";
  readonly filters: readonly Filter[];
}

export type Filter =
  | { readonly filterType?: undefined }
  | { readonly filterType: "fieldFilter"; readonly fieldFilter: FieldFilter }
  | { readonly filterType: "unaryFilter"; readonly unaryFilter: UnaryFilter }
  | { readonly filterType: "compositeFilter"; readonly compositeFilter: CompositeFilter };

export interface Order {
  readonly field?: FieldReference;
  readonly direction?: "DIRECTION_UNSPECIFIED" | "ASCENDING" | "DESCENDING";
}

export interface Cursor {
  readonly values: readonly Value[];
  readonly before?: boolean;
}

export interface StructuredQuery {
  readonly select?: { readonly fields: readonly FieldReference[] };
  readonly from: readonly { readonly collectionId?: string; readonly allDescendants?: boolean }[];
  readonly where?: Filter;
  readonly orderBy: readonly Order[];
  readonly startAt?: Cursor;
  readonly endAt?: Cursor;
  readonly offset?: number;
  readonly limit?: { readonly value?: number };
  readonly findNearest?: unknown;
}

export type Aggregation = { readonly alias?: string } & (
  | { readonly operator?: undefined }
  | { readonly operator: "count"; readonly count: { readonly upTo?: { readonly value?: string } } }
  | { readonly operator: "sum" | "avg" }
);

export type RunQueryRequest = Consistency & {
  readonly parent?: string;
  readonly structuredQuery?: StructuredQuery;
  readonly explainOptions?: unknown;
};

export interface RunQueryResponse {
  readonly transaction?: Buffer;
  readonly document?: Document;
  readonly readTime?: Timestamp;
  readonly skippedResults?: number;
  readonly done?: boolean;
}

export type RunAggregationQueryRequest = Consistency & {
  readonly parent?: string;
  readonly structuredAggregationQuery?: {
    readonly structuredQuery?: StructuredQuery;
    readonly aggregations: readonly Aggregation[];
  };
  readonly explainOptions?: unknown;
};

export interface RunAggregationQueryResponse {
  readonly transaction?: Buffer;
  readonly result?: { readonly aggregateFields: Fields };
  readonly readTime?: Timestamp;
}

/* Other reads */

export type GetDocumentRequest = Consistency & { readonly name?: string; readonly mask?: DocumentMask };

export type BatchGetDocumentsRequest = Consistency & {
  readonly database?: string;
  readonly documents: readonly string[];
  readonly mask?: DocumentMask;
};

export interface BatchGetDocumentsResponse {
  readonly transaction?: Buffer;
  readonly found?: Document;
  readonly missing?: string;
  readonly readTime?: Timestamp;
}

export type ListDocumentsRequest = Consistency & {
  readonly parent?: string;
  readonly collectionId?: string;
  readonly pageSize?: number;
  readonly pageToken?: string;
  readonly orderBy?: string;
  readonly mask?: DocumentMask;
  readonly showMissing?: boolean;
};

export interface ListDocumentsResponse {
  readonly documents: readonly Document[];
  readonly nextPageToken: string;
}

export type ListCollectionIdsRequest = Consistency & { readonly parent?: string };

/* Listening */

export type Target = {
  readonly targetId?: number;
  readonly resumeToken?: Buffer;
} & (
  | { readonly targetType?: undefined }
  | { readonly targetType: "documents"; readonly documents: { readonly documents: readonly string[] } }
  | {
      readonly targetType: "query";
      readonly query: { readonly parent?: string; readonly structuredQuery?: StructuredQuery };
    }
);

export type ListenRequest =
  | { readonly targetChange?: undefined }
  | { readonly targetChange: "addTarget"; readonly addTarget: Target }
  | { readonly targetChange: "removeTarget"; readonly removeTarget: number };

export interface ListenResponse {
  readonly targetChange?: {
    readonly targetChangeType: "NO_CHANGE" | "ADD" | "REMOVE" | "CURRENT" | "RESET";
    readonly targetIds: readonly number[];
    readonly cause?: { readonly code: number; readonly message: string };
    readonly resumeToken?: Buffer;
    readonly readTime?: Timestamp;
  };
  readonly documentChange?: {
    readonly document: Document;
    readonly targetIds: readonly number[];
    readonly removedTargetIds: readonly number[];
  };
  readonly documentDelete?: DocumentGone;
  readonly documentRemove?: DocumentGone;
}

export interface DocumentGone {
  readonly document: string;
  readonly removedTargetIds: readonly number[];
  readonly readTime: Timestamp;
}
