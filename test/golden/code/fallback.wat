;; workload {"op":"matmul","m":1,"n":64,"k":5,"w":"int4_row","bias":false,"numerics":{"compute":"i8","xGroup":"row"}}
;; features none
;; M 1..1: fallback {}
(module
  (import "env" "memory" (memory $memory 0))
  (func $pack (param $&w.codes i32) (param $&w.scales i32) (param $&w.q i32) (param $&w.s i32) (param $begin i32) (param $end i32)
    (local $w.s.at i32)
    (local $w.scales.at i32)
    (local $w.q/n i32)
    (local $t.2 i32)
    (local $t.4 i32)
    (local $w.q/k i32)
    (local $t.1 i32)
    (local $t i32)
    (local $t.3 i32)
    (local $w.s/n i32)
    i32.const 0
    local.set $w.q/n
    loop $w.q/n
      local.get $w.q/n
      i32.const 5
      i32.mul
      local.set $t.2
      local.get $&w.codes
      local.get $w.q/n
      i32.const 3
      i32.mul
      i32.add
      local.set $t.4
      i32.const 0
      local.set $w.q/k
      loop $w.q/k
        local.get $t.2
        local.get $w.q/k
        i32.add
        local.set $t.1
        local.get $&w.q
        local.get $t.1
        i32.const 1
        i32.shr_s
        i32.add
        local.set $t
        local.get $t.1
        i32.const 1
        i32.and
        i32.const 4
        i32.mul
        local.set $t.3
        local.get $t
        local.get $t.4
        local.get $w.q/k
        i32.const 1
        i32.shr_s
        i32.add
        i32.load8_u
        local.get $w.q/k
        i32.const 1
        i32.and
        i32.const 4
        i32.mul
        i32.shr_s
        i32.const 15
        i32.and
        local.get $t.3
        i32.shl
        local.get $t
        i32.load8_u
        i32.const 15
        local.get $t.3
        i32.shl
        i32.const 255
        i32.xor
        i32.and
        i32.or
        i32.store8
        local.get $w.q/k
        i32.const 1
        i32.add
        local.tee $w.q/k
        i32.const 5
        i32.lt_s
        br_if $w.q/k
      end
      local.get $w.q/n
      i32.const 1
      i32.add
      local.tee $w.q/n
      i32.const 64
      i32.lt_s
      br_if $w.q/n
    end
    local.get $&w.s
    local.set $w.s.at
    local.get $&w.scales
    local.set $w.scales.at
    i32.const 0
    local.set $w.s/n
    loop $w.s/n
      local.get $w.s.at
      local.get $w.scales.at
      f32.load
      f32.store
      local.get $w.s.at
      i32.const 4
      i32.add
      local.set $w.s.at
      local.get $w.scales.at
      i32.const 4
      i32.add
      local.set $w.scales.at
      local.get $w.s/n
      i32.const 1
      i32.add
      local.tee $w.s/n
      i32.const 64
      i32.lt_s
      br_if $w.s/n
    end
  )
  (func $all/quantize (param $&x i32) (param $&x.q i32) (param $&x.s i32) (param $begin i32) (param $end i32)
    (local $x.amax.sum f32)
    (local $x.at i32)
    (local $x.q.at i32)
    (local $x.at.1 i32)
    (local $m i32)
    (local $t i32)
    (local $x.amax/i i32)
    (local $x.amax.1 f32)
    (local $t.1 f32)
    (local $x.inverse.1 f32)
    (local $i i32)
    (local $tmp.f32 f32)
    (local $tmp.i32 i32)
    local.get $begin
    local.set $m
    local.get $m
    local.get $end
    i32.lt_s
    if
      loop $m
        f32.const -inf
        local.set $x.amax.sum
        local.get $&x
        local.get $m
        i32.const 20
        i32.mul
        i32.add
        local.set $t
        local.get $t
        local.set $x.at
        i32.const 0
        local.set $x.amax/i
        loop $x.amax/i
          local.get $x.amax.sum
          local.get $x.at
          f32.load
          f32.abs
          f32.max
          local.set $x.amax.sum
          local.get $x.at
          i32.const 4
          i32.add
          local.set $x.at
          local.get $x.amax/i
          i32.const 1
          i32.add
          local.tee $x.amax/i
          i32.const 5
          i32.lt_s
          br_if $x.amax/i
        end
        local.get $x.amax.sum
        local.set $x.amax.1
        local.get $x.amax.1
        f32.const 127
        f32.div
        local.set $t.1
        local.get $&x.s
        local.get $m
        i32.const 4
        i32.mul
        i32.add
        local.get $t.1
        f32.store
        f32.const 0
        f32.const 1
        local.get $t.1
        f32.div
        local.get $t.1
        f32.const 1.1754944e-38
        f32.lt
        select
        local.set $x.inverse.1
        local.get $&x.q
        local.get $m
        i32.const 5
        i32.mul
        i32.add
        local.set $x.q.at
        local.get $t
        local.set $x.at.1
        i32.const 0
        local.set $i
        loop $i
          local.get $x.q.at
          f32.const 0.49999997
          i32.reinterpret_f32
          local.get $x.inverse.1
          local.get $x.at.1
          f32.load
          f32.mul
          local.tee $tmp.f32
          i32.reinterpret_f32
          i32.const -2147483648
          i32.and
          i32.or
          f32.reinterpret_i32
          local.get $tmp.f32
          f32.add
          f32.trunc
          i32.trunc_sat_f32_s
          local.tee $tmp.i32
          i32.const -128
          i32.const -128
          local.get $tmp.i32
          i32.le_s
          select
          local.tee $tmp.i32
          i32.const 127
          local.get $tmp.i32
          i32.const 127
          i32.le_s
          select
          i32.extend8_s
          i32.store8
          local.get $x.q.at
          i32.const 1
          i32.add
          local.set $x.q.at
          local.get $x.at.1
          i32.const 4
          i32.add
          local.set $x.at.1
          local.get $i
          i32.const 1
          i32.add
          local.tee $i
          i32.const 5
          i32.lt_s
          br_if $i
        end
        local.get $m
        i32.const 1
        i32.add
        local.tee $m
        local.get $end
        i32.lt_s
        br_if $m
      end
    end
  )
  (func $all/main (param $&x.q i32) (param $&x.s i32) (param $&w.q i32) (param $&w.s i32) (param $&y i32) (param $begin i32) (param $end i32)
    (local $acc.sum f32)
    (local $x.q.at i32)
    (local $x.s.1 f32)
    (local $n i32)
    (local $t i32)
    (local $w.s.1 f32)
    (local $t.2 i32)
    (local $k i32)
    (local $t.1 i32)
    (local $acc.1 f32)
    local.get $&x.s
    f32.load
    local.set $x.s.1
    local.get $begin
    local.set $n
    local.get $n
    local.get $end
    i32.lt_s
    if
      loop $n
        f32.const 0
        local.set $acc.sum
        local.get $&x.q
        local.set $x.q.at
        local.get $n
        i32.const 4
        i32.mul
        local.set $t
        local.get $&w.s
        local.get $t
        i32.add
        f32.load
        local.set $w.s.1
        local.get $n
        i32.const 5
        i32.mul
        local.set $t.2
        i32.const 0
        local.set $k
        loop $k
          local.get $k
          local.get $t.2
          i32.add
          local.set $t.1
          local.get $acc.sum
          local.get $w.s.1
          local.get $&w.q
          local.get $t.1
          i32.const 1
          i32.shr_s
          i32.add
          i32.load8_u
          local.get $t.1
          i32.const 1
          i32.and
          i32.const 4
          i32.mul
          i32.shr_s
          i32.const 15
          i32.and
          i32.const -8
          i32.add
          f32.convert_i32_s
          f32.mul
          local.get $x.s.1
          local.get $x.q.at
          i32.load8_s
          f32.convert_i32_s
          f32.mul
          f32.mul
          f32.add
          local.set $acc.sum
          local.get $x.q.at
          i32.const 1
          i32.add
          local.set $x.q.at
          local.get $k
          i32.const 1
          i32.add
          local.tee $k
          i32.const 5
          i32.lt_s
          br_if $k
        end
        local.get $acc.sum
        local.set $acc.1
        local.get $&y
        local.get $t
        i32.add
        local.get $acc.1
        f32.store
        local.get $n
        i32.const 1
        i32.add
        local.tee $n
        local.get $end
        i32.lt_s
        br_if $n
      end
    end
  )
  (export "pack" (func $pack))
  (export "all/quantize" (func $all/quantize))
  (export "all/main" (func $all/main))
)
