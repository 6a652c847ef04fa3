// The mark of layers that are an owner's own: messages quote nothing of what they throw.

const OWN = Symbol("a layer of an owner's own");

export function markOwn(prototype: object): void {
  Object.defineProperty(prototype, OWN, { value: true });
}

export function isOwnLayer(layer: object): boolean {
  return OWN in layer;
}
