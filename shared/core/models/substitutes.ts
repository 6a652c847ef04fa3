// What to take instead of a Keras layer, operation or activation that is not supported: the nearest one that
// is.

const LAYERS: Readonly<Record<string, string>> = {
  ...each(
    ["MultiHeadAttention", "MultiHeadedAttention", "GroupQueryAttention", "GroupedQueryAttention"],
    "attention is Dot layers with a Softmax between them, or take Bidirectional with an LSTM",
  ),
  ...each(["Attention", "AdditiveAttention"], "take Dot, Softmax and Dot, or Bidirectional with an LSTM"),
  ...each(["GroupNormalization", "UnitNormalization", "RMSNormalization"], "take LayerNormalization"),
  SpectralNormalization: "take the layer in it with an L2 regularizer",
  ...each(
    ["TextVectorization", "StringLookup", "IntegerLookup", "Hashing", "HashedCrossing", "Discretization"],
    "number the tokens in the clients' data and begin with an Embedding",
  ),
  CategoryEncoding: "write one-hot values into the clients' data, or begin with an Embedding",
  FeatureSpace: "prepare the features in the clients' data",
  ...each(
    [
      "AutoContrast",
      "CenterCrop",
      "CutMix",
      "MixUp",
      "RandAugment",
      "RandomBrightness",
      "RandomColorJitter",
      "RandomContrast",
      "RandomCrop",
      "RandomErasing",
      "RandomFlip",
      "RandomGaussianBlur",
      "RandomRotation",
      "RandomTranslation",
      "RandomZoom",
      "Resizing",
      "Solarization",
    ],
    "prepare the images in the clients' data",
  ),
  ...each(["MelSpectrogram", "STFTSpectrogram"], "write spectrograms into the clients' data"),
  EinsumDense: "take Dense, which works on the last dimension, with Permute or Reshape",
  Identity: 'leave it out, or take Activation "linear"',
  Lambda: "its code cannot be read from a topology: take layers",
  ActivityRegularization: "give the layers before it a kernel_regularizer",
  Subtract: "take Rescaling with scale -1, then Add",
  RNN: "take SimpleRNN, LSTM or GRU",
  ...each(["SimpleRNNCell", "LSTMCell", "GRUCell", "StackedRNNCells"], "take SimpleRNN, LSTM or GRU"),
  ...each(["CuDNNLSTM"], "take LSTM"),
  ...each(["CuDNNGRU"], "take GRU with reset_after false"),
  ConvLSTM1D: "take Conv1D, then LSTM",
  ...each(["ConvLSTM2D", "ConvLSTM3D"], "take TimeDistributed with Conv2D and Flatten, then LSTM"),
  ...each(["SeparableConv1D", "DepthwiseConv1D", "LocallyConnected1D"], "take Conv1D"),
  LocallyConnected2D: "take Conv2D",
  Conv1DTranspose: "take Reshape to [length, 1, channels], Conv2DTranspose and Reshape back",
  Conv3DTranspose: "take Conv2DTranspose on each slice, or a Dense and a Reshape",
  UpSampling1D: "take Reshape to [length, 1, channels], UpSampling2D and Reshape back",
  UpSampling3D: "take Conv3D without strides before it, so that nothing has to grow",
  ZeroPadding1D: 'give the next Conv1D padding "same", or pad the samples',
  ZeroPadding3D: 'give the next Conv3D padding "same"',
  Cropping1D: "take Conv1D with a larger kernel, or cut the samples",
  Cropping3D: "cut the samples",
  GlobalMaxPooling3D: "take MaxPooling3D as large as its input, then Flatten",
  GlobalAveragePooling3D: "take AveragePooling3D as large as its input, then Flatten",
  ...each(["AdaptiveAveragePooling1D"], "take AveragePooling1D"),
  ...each(["AdaptiveAveragePooling2D"], "take AveragePooling2D"),
  ...each(["AdaptiveMaxPooling1D"], "take MaxPooling1D"),
  ...each(["AdaptiveMaxPooling2D"], "take MaxPooling2D"),
  SpatialDropout2D: "take Dropout with noise_shape [null, 1, 1, null]",
  SpatialDropout3D: "take Dropout with noise_shape [null, 1, 1, 1, null]",
  ThresholdedReLU: "take ReLU",
  ...each(["TorchModuleWrapper", "FlaxLayer", "JaxLayer", "TFSMLayer"], "build the same of Keras layers"),
};

/** Operations on tensors (`a * 2`), which Keras 3 writes among the layers. */
const OPERATIONS: Readonly<Record<string, string>> = {
  Add: "take a Rescaling layer with an offset for a number, an Add layer for two tensors",
  Subtract:
    "take a Rescaling layer with an offset for a number, one with scale -1 and then Add for two tensors",
  Multiply: "take a Rescaling layer for a number, a Multiply layer for two tensors",
  ...each(["Divide", "TrueDivide"], "take a Rescaling layer for a number"),
  Negative: "take a Rescaling layer with scale -1",
  ...each(
    ["Relu", "Sigmoid", "Tanh", "Gelu", "Elu", "Selu", "Silu", "Softplus", "Softmax"],
    "take an Activation layer",
  ),
  LeakyRelu: "take a LeakyReLU layer",
  ...each(["Concatenate", "Maximum", "Minimum"], "take the layer of this name"),
  ...each(["Matmul", "Einsum", "Tensordot"], "take a Dot or a Dense layer"),
  ...each(["Mean", "Average"], "take a GlobalAveragePooling layer"),
  Max: "take a GlobalMaxPooling layer",
  GetItem: "take a Cropping2D layer, a recurrent layer with return_sequences false, or cut the samples",
  Reshape: "take a Reshape layer",
  Transpose: "take a Permute layer",
  ...each(["ExpandDims", "Squeeze"], "take a Reshape layer"),
};

const ACTIVATIONS: Readonly<Record<string, string>> = {
  leaky_relu: "take a LeakyReLU layer after this one",
  prelu: "take a PReLU layer after this one",
  hard_sigmoid: "Keras 2 and Keras 3 mean different functions by it: take sigmoid",
  ...each(["hard_silu", "hard_swish"], "take silu"),
  ...each(["hard_tanh", "tanh_shrink"], "take tanh"),
  ...each(["celu", "squareplus", "sparse_plus"], "take elu or softplus"),
  exponential: "take softplus",
  log_sigmoid: "take sigmoid, or log_softmax of two units",
  ...each(["hard_shrink", "soft_shrink", "threshold"], "take relu"),
  ...each(["sparsemax", "sparse_sigmoid"], "take softmax or sigmoid"),
  glu: "take gelu",
};

/** Undefined for a class of a user's own. */
export function substituteFor(className: string): string | undefined {
  return Object.hasOwn(LAYERS, className) ? LAYERS[className] : undefined;
}

export function substituteForOperation(className: string): string {
  const known = Object.hasOwn(OPERATIONS, className) ? OPERATIONS[className] : undefined;
  return known ?? "write it as a layer";
}

export function substituteForActivation(name: string): string | undefined {
  return Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
}

function each(names: readonly string[], substitute: string): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, substitute]));
}
