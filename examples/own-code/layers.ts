// A layer that TensorFlow.js does not have: the root mean square normalisation of Zhang and Sennrich, 2019.
import type { About, Layers, TensorFlow } from "fedstratus/client";

export const about: About = { name: "rms-layers", version: "1.0.0" };

type Tensor = ReturnType<TensorFlow["tensor"]>;
type Variable = ReturnType<InstanceType<TensorFlow["layers"]["Layer"]>["addWeight"]>;

const layers: Layers = (tf) => {
  class RmsNormalization extends tf.layers.Layer {
    static readonly className = "RmsNormalization";
    readonly #epsilon: number;
    #scale: Variable | undefined;

    constructor(config: { readonly name?: string; readonly epsilon?: number }) {
      super(config);
      this.#epsilon = config.epsilon ?? 1e-6;
    }

    override build(inputShape: number[]): void {
      const size = inputShape.at(-1) ?? 1;
      // Its first values are `scale_initializer` of the topology, here ones.
      this.#scale = this.addWeight("scale", [size], "float32", tf.initializers.ones());
      this.built = true;
    }

    override computeOutputShape(inputShape: number[]): number[] {
      return inputShape;
    }

    override call(inputs: Tensor | Tensor[]): Tensor {
      return tf.tidy(() => {
        const input = Array.isArray(inputs) ? inputs[0] : inputs;
        if (input === undefined || this.#scale === undefined) throw new Error("It has no input.");
        const square = tf.mean(tf.square(input), -1, true);
        return tf.mul(tf.div(input, tf.sqrt(tf.add(square, this.#epsilon))), this.#scale.read());
      });
    }

    override getConfig() {
      return { ...super.getConfig(), epsilon: this.#epsilon };
    }
  }
  return [RmsNormalization];
};

export default layers;
