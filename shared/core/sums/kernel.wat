;; Adds weighted float32 values to float64 sums, two lanes at a time. `npm run kernels` compiles it into kernelBytes.ts.
;; Each sum becomes sum + weight * value with the product rounded before the addition (no fused step), exactly as
;; portableSums.ts does it in JavaScript: same bytes. Addresses are in bytes and need no alignment.
(module
  (import "env" "memory" (memory 1))

  (func (export "add") (param $sum i32) (param $value i32) (param $count i32) (param $weight f64)
    (local $weights v128)
    (local $low v128)
    (local $high v128)
    (local $end i32)
    (local.set $weights (f64x2.splat (local.get $weight)))

    ;; Eight values a turn: 32 bytes of values, 64 bytes of sums.
    (local.set $end
      (i32.add (local.get $value) (i32.shl (i32.and (local.get $count) (i32.const -8)) (i32.const 2))))
    (block $eightsDone
      (loop $eights
        (br_if $eightsDone (i32.ge_u (local.get $value) (local.get $end)))
        (local.set $low (v128.load (local.get $value)))
        (local.set $high (v128.load offset=16 (local.get $value)))
        (v128.store (local.get $sum)
          (f64x2.add (v128.load (local.get $sum))
            (f64x2.mul (local.get $weights) (f64x2.promote_low_f32x4 (local.get $low)))))
        (v128.store offset=16 (local.get $sum)
          (f64x2.add (v128.load offset=16 (local.get $sum))
            (f64x2.mul (local.get $weights)
              (f64x2.promote_low_f32x4
                (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $low) (local.get $low))))))
        (v128.store offset=32 (local.get $sum)
          (f64x2.add (v128.load offset=32 (local.get $sum))
            (f64x2.mul (local.get $weights) (f64x2.promote_low_f32x4 (local.get $high)))))
        (v128.store offset=48 (local.get $sum)
          (f64x2.add (v128.load offset=48 (local.get $sum))
            (f64x2.mul (local.get $weights)
              (f64x2.promote_low_f32x4
                (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $high) (local.get $high))))))
        (local.set $value (i32.add (local.get $value) (i32.const 32)))
        (local.set $sum (i32.add (local.get $sum) (i32.const 64)))
        (br $eights)))

    ;; Up to seven are left.
    (local.set $end
      (i32.add (local.get $value) (i32.shl (i32.and (local.get $count) (i32.const 7)) (i32.const 2))))
    (block $onesDone
      (loop $ones
        (br_if $onesDone (i32.ge_u (local.get $value) (local.get $end)))
        (f64.store (local.get $sum)
          (f64.add (f64.load (local.get $sum))
            (f64.mul (local.get $weight) (f64.promote_f32 (f32.load (local.get $value))))))
        (local.set $value (i32.add (local.get $value) (i32.const 4)))
        (local.set $sum (i32.add (local.get $sum) (i32.const 8)))
        (br $ones)))))
