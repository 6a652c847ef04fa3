// The arithmetic that hooks of local training are written with, whatever library does it: the namespace of
// TensorFlow.js has it.

/** Element by element, with broadcasting as in NumPy; all give new tensors, freed by the loop that calls the hook. */
export interface TensorMath<T> {
  add(a: T | number, b: T | number): T;
  sub(a: T | number, b: T | number): T;
  mul(a: T | number, b: T | number): T;
  div(a: T | number, b: T | number): T;
  square(a: T): T;
  sqrt(a: T): T;
  /** Of all elements. */
  sum(a: T): T;
}
