// Writes a graph as a saved model of TensorFlow, in the messages that tfjs-node brings with it.
import { createRequire } from "node:module";
import type { Binding } from "./nativeBackend.ts";
import type { GraphNode, GraphValue } from "./stepGraph.ts";

/** The tag that a saved model is loaded by. */
export const TAG = "serve";

/** Of graphs of TensorFlow 2.9, the oldest library that set-up installs. */
const PRODUCER = 1087;

/** What there is of the generated messages. */
interface Message {
  serializeBinary(): Uint8Array;
}
// biome-ignore lint/suspicious/noExplicitAny: generated code without types
type Messages = Record<string, any>;

let loaded: Messages | undefined;

function messages(): Messages {
  // When the first graph is written, from where the package is installed.
  loaded ??= createRequire(import.meta.url)("@tensorflow/tfjs-node/dist/proto/api_pb.js") as Messages;
  return loaded;
}

/** The bytes of `saved_model.pb`. */
export function savedModelBytes(nodes: readonly GraphNode[], binding: Binding): Uint8Array {
  const m = messages();
  const graph = new m["GraphDef"]();
  for (const { name, op, inputs, attributes } of nodes) {
    const node = new m["NodeDef"]();
    node.setName(name);
    node.setOp(op);
    node.setInputList([...inputs]);
    const map = node.getAttrMap();
    for (const [key, value] of Object.entries(attributes)) map.set(key, attributeOf(value, binding));
    graph.addNode(node);
  }
  const versions = new m["VersionDef"]();
  versions.setProducer(PRODUCER);
  graph.setVersions(versions);
  const info = new m["MetaGraphDef"]["MetaInfoDef"]();
  info.setTagsList([TAG]);
  const meta = new m["MetaGraphDef"]();
  meta.setMetaInfoDef(info);
  meta.setGraphDef(graph);
  const model = new m["SavedModel"]();
  model.setSavedModelSchemaVersion("1");
  model.setMetaGraphsList([meta]);
  return (model as Message).serializeBinary();
}

function attributeOf(value: GraphValue, binding: Binding): unknown {
  const m = messages();
  const attribute = new m["AttrValue"]();
  switch (value.kind) {
    case "type":
      attribute["setType"](value.type);
      break;
    case "shape":
      attribute["setShape"](shapeOf(value.shape));
      break;
    case "text":
      attribute["setS"](base64(value.text));
      break;
    case "tensor": {
      const tensor = new m["Tensor"]();
      tensor.setDtype(value.type);
      tensor.setTensorShape(shapeOf(value.shape));
      tensor.setTensorContent(value.bytes);
      attribute["setTensor"](tensor);
      break;
    }
    case "filled": {
      const tensor = new m["Tensor"]();
      tensor.setDtype(value.type);
      tensor.setTensorShape(shapeOf(value.shape));
      // Elements without a value have that of the last one.
      if (value.type === binding.TF_INT32) tensor.setIntValList([value.value]);
      else if (value.type === binding.TF_BOOL) tensor.setBoolValList([value.value !== 0]);
      else tensor.setFloatValList([value.value]);
      attribute["setTensor"](tensor);
      break;
    }
    case "recorded":
      setRecorded(attribute, value.attribute, binding);
  }
  return attribute;
}

function setRecorded(
  attribute: Messages,
  { name, type, value }: { name: string; type: number; value: unknown },
  binding: Binding,
) {
  const m = messages();
  const list = () => {
    const values = new m["AttrValue"]["ListValue"]();
    attribute["setList"](values);
    return values;
  };
  const isList = Array.isArray(value);
  switch (type) {
    case binding.TF_ATTR_TYPE:
      return isList ? list().setTypeList(value) : attribute["setType"](value);
    case binding.TF_ATTR_INT:
      return isList ? list().setIList(value) : attribute["setI"](value);
    case binding.TF_ATTR_FLOAT:
      return isList ? list().setFList(value) : attribute["setF"](value);
    case binding.TF_ATTR_BOOL:
      return isList ? list().setBList(value) : attribute["setB"](value);
    case binding.TF_ATTR_STRING:
      return isList ? list().setSList(value.map(base64)) : attribute["setS"](base64(String(value)));
    case binding.TF_ATTR_SHAPE:
      return attribute["setShape"](shapeOf(value as readonly number[]));
    default:
      throw new TypeError(`The attribute ${name} has a type that is not known: ${type}.`);
  }
}

function shapeOf(sizes: readonly number[]): unknown {
  const m = messages();
  const shape = new m["TensorShape"]();
  shape.setDimList(
    sizes.map((size) => {
      const dimension = new m["TensorShape"]["Dim"]();
      dimension.setSize(size);
      return dimension;
    }),
  );
  return shape;
}

/** Bytes fields take text as base64. */
function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
