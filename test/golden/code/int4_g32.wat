;; workload {"op":"matmul","m":1,"n":64,"k":128,"w":"int4_g32","bias":false,"numerics":{"compute":"i8","xGroup":32}}
;; features relaxed-simd
;; M 1..1: integer-dot-decode {"vectors":4,"tile":4,"rows":1,"panel":1,"order":"quads-outside"}
(module
  (import "env" "memory" (memory $memory 0))
  (func $pack (param $&w.codes i32) (param $&w.scales i32) (param $&w.q i32) (param $&w.s i32) (param $begin i32) (param $end i32)
    (local $w.q.at i32)
    (local $w.codes.at i32)
    (local $w.s.at i32)
    (local $w.scales.at i32)
    (local $w.q/no i32)
    (local $t.1 i32)
    (local $w.q/kb i32)
    (local $t i32)
    (local $t.2 i32)
    (local $w.q/nt i32)
    (local $w.q/nl i32)
    (local $w.codes.1 i32)
    (local $w.codes.2 i32)
    (local $w.codes.3 i32)
    (local $w.codes.4 i32)
    (local $w.s/no i32)
    (local $t.3 i32)
    (local $w.s/kg i32)
    i32.const 0
    local.set $w.q/no
    loop $w.q/no
      local.get $w.q/no
      i32.const 1024
      i32.mul
      local.set $t.1
      i32.const 0
      local.set $w.q/kb
      loop $w.q/kb
        local.get $t.1
        local.get $&w.q
        local.get $w.q/kb
        i32.const 64
        i32.mul
        i32.add
        i32.add
        local.set $t
        local.get $t.1
        local.get $&w.codes
        local.get $w.q/kb
        i32.const 4
        i32.mul
        i32.add
        i32.add
        local.set $t.2
        i32.const 0
        local.set $w.q/nt
        loop $w.q/nt
          local.get $t
          local.get $w.q/nt
          i32.const 16
          i32.mul
          i32.add
          local.set $w.q.at
          local.get $t.2
          local.get $w.q/nt
          i32.const 256
          i32.mul
          i32.add
          local.set $w.codes.at
          i32.const 0
          local.set $w.q/nl
          loop $w.q/nl
            local.get $w.codes.at
            i32.load8_u
            local.set $w.codes.1
            local.get $w.codes.at
            i32.load8_u offset=2
            local.set $w.codes.2
            local.get $w.q.at
            local.get $w.codes.2
            i32.const 15
            i32.and
            i32.const 4
            i32.shl
            local.get $w.codes.1
            i32.const 15
            i32.and
            i32.or
            i32.store8
            local.get $w.q.at
            local.get $w.codes.2
            i32.const 4
            i32.shr_s
            i32.const 4
            i32.shl
            local.get $w.codes.1
            i32.const 4
            i32.shr_s
            i32.or
            i32.store8 offset=1
            local.get $w.codes.at
            i32.load8_u offset=1
            local.set $w.codes.3
            local.get $w.codes.at
            i32.load8_u offset=3
            local.set $w.codes.4
            local.get $w.q.at
            local.get $w.codes.4
            i32.const 15
            i32.and
            i32.const 4
            i32.shl
            local.get $w.codes.3
            i32.const 15
            i32.and
            i32.or
            i32.store8 offset=2
            local.get $w.q.at
            local.get $w.codes.4
            i32.const 4
            i32.shr_s
            i32.const 4
            i32.shl
            local.get $w.codes.3
            i32.const 4
            i32.shr_s
            i32.or
            i32.store8 offset=3
            local.get $w.q.at
            i32.const 4
            i32.add
            local.set $w.q.at
            local.get $w.codes.at
            i32.const 64
            i32.add
            local.set $w.codes.at
            local.get $w.q/nl
            i32.const 1
            i32.add
            local.tee $w.q/nl
            i32.const 4
            i32.lt_s
            br_if $w.q/nl
          end
          local.get $w.q/nt
          i32.const 1
          i32.add
          local.tee $w.q/nt
          i32.const 4
          i32.lt_s
          br_if $w.q/nt
        end
        local.get $w.q/kb
        i32.const 1
        i32.add
        local.tee $w.q/kb
        i32.const 16
        i32.lt_s
        br_if $w.q/kb
      end
      local.get $w.q/no
      i32.const 1
      i32.add
      local.tee $w.q/no
      i32.const 4
      i32.lt_s
      br_if $w.q/no
    end
    i32.const 0
    local.set $w.s/no
    loop $w.s/no
      local.get $w.s/no
      i32.const 256
      i32.mul
      local.set $t.3
      local.get $&w.s
      local.get $t.3
      i32.add
      local.set $w.s.at
      local.get $&w.scales
      local.get $t.3
      i32.add
      local.set $w.scales.at
      i32.const 0
      local.set $w.s/kg
      loop $w.s/kg
        local.get $w.s.at
        local.get $w.scales.at
        f32.load
        f32.store
        local.get $w.s.at
        local.get $w.scales.at
        f32.load offset=16
        f32.store offset=4
        local.get $w.s.at
        local.get $w.scales.at
        f32.load offset=32
        f32.store offset=8
        local.get $w.s.at
        local.get $w.scales.at
        f32.load offset=48
        f32.store offset=12
        local.get $w.s.at
        local.get $w.scales.at
        f32.load offset=64
        f32.store offset=16
        local.get $w.s.at
        local.get $w.scales.at
        f32.load offset=80
        f32.store offset=20
        local.get $w.s.at
        local.get $w.scales.at
        f32.load offset=96
        f32.store offset=24
        local.get $w.s.at
        local.get $w.scales.at
        f32.load offset=112
        f32.store offset=28
        local.get $w.s.at
        local.get $w.scales.at
        f32.load offset=128
        f32.store offset=32
        local.get $w.s.at
        local.get $w.scales.at
        f32.load offset=144
        f32.store offset=36
        local.get $w.s.at
        local.get $w.scales.at
        f32.load offset=160
        f32.store offset=40
        local.get $w.s.at
        local.get $w.scales.at
        f32.load offset=176
        f32.store offset=44
        local.get $w.s.at
        local.get $w.scales.at
        f32.load offset=192
        f32.store offset=48
        local.get $w.s.at
        local.get $w.scales.at
        f32.load offset=208
        f32.store offset=52
        local.get $w.s.at
        local.get $w.scales.at
        f32.load offset=224
        f32.store offset=56
        local.get $w.s.at
        local.get $w.scales.at
        f32.load offset=240
        f32.store offset=60
        local.get $w.s.at
        i32.const 64
        i32.add
        local.set $w.s.at
        local.get $w.scales.at
        i32.const 4
        i32.add
        local.set $w.scales.at
        local.get $w.s/kg
        i32.const 1
        i32.add
        local.tee $w.s/kg
        i32.const 4
        i32.lt_s
        br_if $w.s/kg
      end
      local.get $w.s/no
      i32.const 1
      i32.add
      local.tee $w.s/no
      i32.const 4
      i32.lt_s
      br_if $w.s/no
    end
  )
  (func $all/quantize (param $&x i32) (param $&x.q i32) (param $&x.s i32) (param $begin i32) (param $end i32)
    (local $x.amax4.0 v128)
    (local $x.at i32)
    (local $x.s.at i32)
    (local $x.q.at i32)
    (local $m i32)
    (local $g i32)
    (local $x.amax4.sum.1 v128)
    (local $const v128)
    (local $x.amax4.sum.2 v128)
    (local $x.amax4.sum.3 v128)
    (local $x.amax4.sum.4 v128)
    (local $x.amax4.sum.5 v128)
    (local $x.amax4.sum.6 v128)
    (local $x.amax4.sum.7 v128)
    (local $x.amax4.sum.8 v128)
    (local $x.amax.sum.1 f32)
    (local $x.amax.sum.2 f32)
    (local $x.amax.sum.3 f32)
    (local $x.amax.sum.4 f32)
    (local $t f32)
    (local $x.inverse.1.all v128)
    (local $const.1 v128)
    (local $tmp.v128 v128)
    (local $const.2 v128)
    v128.const i32x4 -8388608 -8388608 -8388608 -8388608
    local.set $const
    v128.const f32x4 0.49999997 0.49999997 0.49999997 0.49999997
    local.set $const.1
    v128.const i32x4 -2147483648 -2147483648 -2147483648 -2147483648
    local.set $const.2
    local.get $begin
    local.set $m
    local.get $m
    local.get $end
    i32.lt_s
    if
      loop $m
        local.get $&x
        local.get $m
        i32.const 512
        i32.mul
        i32.add
        local.set $x.at
        local.get $&x.s
        local.get $m
        i32.const 16
        i32.mul
        i32.add
        local.set $x.s.at
        local.get $&x.q
        local.get $m
        i32.const 128
        i32.mul
        i32.add
        local.set $x.q.at
        i32.const 0
        local.set $g
        loop $g
          local.get $x.at
          v128.load align=4
          f32x4.abs
          local.get $const
          f32x4.max
          local.set $x.amax4.sum.1
          local.get $x.amax4.sum.1
          local.get $x.at
          v128.load offset=16 align=4
          f32x4.abs
          f32x4.max
          local.set $x.amax4.sum.2
          local.get $x.amax4.sum.2
          local.get $x.at
          v128.load offset=32 align=4
          f32x4.abs
          f32x4.max
          local.set $x.amax4.sum.3
          local.get $x.amax4.sum.3
          local.get $x.at
          v128.load offset=48 align=4
          f32x4.abs
          f32x4.max
          local.set $x.amax4.sum.4
          local.get $x.amax4.sum.4
          local.get $x.at
          v128.load offset=64 align=4
          f32x4.abs
          f32x4.max
          local.set $x.amax4.sum.5
          local.get $x.amax4.sum.5
          local.get $x.at
          v128.load offset=80 align=4
          f32x4.abs
          f32x4.max
          local.set $x.amax4.sum.6
          local.get $x.amax4.sum.6
          local.get $x.at
          v128.load offset=96 align=4
          f32x4.abs
          f32x4.max
          local.set $x.amax4.sum.7
          local.get $x.amax4.sum.7
          local.get $x.at
          v128.load offset=112 align=4
          f32x4.abs
          f32x4.max
          local.set $x.amax4.sum.8
          local.get $x.amax4.sum.8
          local.set $x.amax4.0
          local.get $x.amax4.0
          f32x4.extract_lane 0
          f32.const -inf
          f32.max
          local.set $x.amax.sum.1
          local.get $x.amax.sum.1
          local.get $x.amax4.0
          f32x4.extract_lane 1
          f32.max
          local.set $x.amax.sum.2
          local.get $x.amax.sum.2
          local.get $x.amax4.0
          f32x4.extract_lane 2
          f32.max
          local.set $x.amax.sum.3
          local.get $x.amax.sum.3
          local.get $x.amax4.0
          f32x4.extract_lane 3
          f32.max
          local.set $x.amax.sum.4
          local.get $x.amax.sum.4
          f32.const 127
          f32.div
          local.set $t
          local.get $x.s.at
          local.get $t
          f32.store
          f32.const 0
          f32.const 1
          local.get $t
          f32.div
          local.get $t
          f32.const 1.1754944e-38
          f32.lt
          select
          f32x4.splat
          local.set $x.inverse.1.all
          local.get $x.q.at
          local.get $const.1
          local.get $x.inverse.1.all
          local.get $x.at
          v128.load align=4
          f32x4.mul
          local.tee $tmp.v128
          local.get $const.2
          v128.and
          v128.or
          local.get $tmp.v128
          f32x4.add
          f32x4.trunc
          i32x4.trunc_sat_f32x4_s
          local.get $const.1
          local.get $x.inverse.1.all
          local.get $x.at
          v128.load offset=16 align=4
          f32x4.mul
          local.tee $tmp.v128
          local.get $const.2
          v128.and
          v128.or
          local.get $tmp.v128
          f32x4.add
          f32x4.trunc
          i32x4.trunc_sat_f32x4_s
          i16x8.narrow_i32x4_s
          local.get $const.1
          local.get $x.inverse.1.all
          local.get $x.at
          v128.load offset=32 align=4
          f32x4.mul
          local.tee $tmp.v128
          local.get $const.2
          v128.and
          v128.or
          local.get $tmp.v128
          f32x4.add
          f32x4.trunc
          i32x4.trunc_sat_f32x4_s
          local.get $const.1
          local.get $x.inverse.1.all
          local.get $x.at
          v128.load offset=48 align=4
          f32x4.mul
          local.tee $tmp.v128
          local.get $const.2
          v128.and
          v128.or
          local.get $tmp.v128
          f32x4.add
          f32x4.trunc
          i32x4.trunc_sat_f32x4_s
          i16x8.narrow_i32x4_s
          i8x16.narrow_i16x8_s
          v128.store align=1
          local.get $x.q.at
          local.get $const.1
          local.get $x.inverse.1.all
          local.get $x.at
          v128.load offset=64 align=4
          f32x4.mul
          local.tee $tmp.v128
          local.get $const.2
          v128.and
          v128.or
          local.get $tmp.v128
          f32x4.add
          f32x4.trunc
          i32x4.trunc_sat_f32x4_s
          local.get $const.1
          local.get $x.inverse.1.all
          local.get $x.at
          v128.load offset=80 align=4
          f32x4.mul
          local.tee $tmp.v128
          local.get $const.2
          v128.and
          v128.or
          local.get $tmp.v128
          f32x4.add
          f32x4.trunc
          i32x4.trunc_sat_f32x4_s
          i16x8.narrow_i32x4_s
          local.get $const.1
          local.get $x.inverse.1.all
          local.get $x.at
          v128.load offset=96 align=4
          f32x4.mul
          local.tee $tmp.v128
          local.get $const.2
          v128.and
          v128.or
          local.get $tmp.v128
          f32x4.add
          f32x4.trunc
          i32x4.trunc_sat_f32x4_s
          local.get $const.1
          local.get $x.inverse.1.all
          local.get $x.at
          v128.load offset=112 align=4
          f32x4.mul
          local.tee $tmp.v128
          local.get $const.2
          v128.and
          v128.or
          local.get $tmp.v128
          f32x4.add
          f32x4.trunc
          i32x4.trunc_sat_f32x4_s
          i16x8.narrow_i32x4_s
          i8x16.narrow_i16x8_s
          v128.store offset=16 align=1
          local.get $x.at
          i32.const 128
          i32.add
          local.set $x.at
          local.get $x.s.at
          i32.const 4
          i32.add
          local.set $x.s.at
          local.get $x.q.at
          i32.const 32
          i32.add
          local.set $x.q.at
          local.get $g
          i32.const 1
          i32.add
          local.tee $g
          i32.const 4
          i32.lt_s
          br_if $g
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
  (func $all/x.zero (param $&x.q i32) (param $&x.zero i32) (param $begin i32) (param $end i32)
    (local $x.zero.lanes.sum.0 v128)
    (local $x.zero.lanes.sum.1 v128)
    (local $x.zero.lanes.0.0 v128)
    (local $x.zero.lanes.0.1 v128)
    (local $x.q.at i32)
    (local $x.zero/mo i32)
    (local $t i32)
    (local $t.1 i32)
    (local $x.zero/kg i32)
    (local $x.zero/kj i32)
    (local $tmp.v128 v128)
    (local $const v128)
    (local $x.zero.sum.1 i32)
    (local $x.zero.sum.2 i32)
    (local $x.zero.sum.3 i32)
    (local $x.zero.sum.4 i32)
    (local $x.zero.sum.5 i32)
    (local $x.zero.sum.6 i32)
    (local $x.zero.sum.7 i32)
    (local $x.zero.sum.8 i32)
    v128.const i32x4 8 8 8 8
    local.set $const
    local.get $begin
    local.set $x.zero/mo
    local.get $x.zero/mo
    local.get $end
    i32.lt_s
    if
      loop $x.zero/mo
        local.get $x.zero/mo
        i32.const 128
        i32.mul
        local.set $t
        local.get $x.zero/mo
        i32.const 16
        i32.mul
        local.set $t.1
        i32.const 0
        local.set $x.zero/kg
        loop $x.zero/kg
          v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
          v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
          local.set $x.zero.lanes.sum.1
          local.set $x.zero.lanes.sum.0
          local.get $t
          local.get $&x.q
          local.get $x.zero/kg
          i32.const 32
          i32.mul
          i32.add
          i32.add
          local.set $x.q.at
          i32.const 0
          local.set $x.zero/kj
          loop $x.zero/kj
            local.get $x.zero.lanes.sum.0
            local.get $x.q.at
            v128.load8x8_s align=1
            local.tee $tmp.v128
            i32x4.extend_low_i16x8_s
            local.get $const
            i32x4.mul
            i32x4.add
            local.get $x.zero.lanes.sum.1
            local.get $tmp.v128
            i32x4.extend_high_i16x8_s
            local.get $const
            i32x4.mul
            i32x4.add
            local.set $x.zero.lanes.sum.1
            local.set $x.zero.lanes.sum.0
            local.get $x.q.at
            i32.const 8
            i32.add
            local.set $x.q.at
            local.get $x.zero/kj
            i32.const 1
            i32.add
            local.tee $x.zero/kj
            i32.const 4
            i32.lt_s
            br_if $x.zero/kj
          end
          local.get $x.zero.lanes.sum.0
          local.get $x.zero.lanes.sum.1
          local.set $x.zero.lanes.0.1
          local.set $x.zero.lanes.0.0
          local.get $x.zero.lanes.0.0
          i32x4.extract_lane 0
          local.set $x.zero.sum.1
          local.get $x.zero.sum.1
          local.get $x.zero.lanes.0.0
          i32x4.extract_lane 1
          i32.add
          local.set $x.zero.sum.2
          local.get $x.zero.sum.2
          local.get $x.zero.lanes.0.0
          i32x4.extract_lane 2
          i32.add
          local.set $x.zero.sum.3
          local.get $x.zero.sum.3
          local.get $x.zero.lanes.0.0
          i32x4.extract_lane 3
          i32.add
          local.set $x.zero.sum.4
          local.get $x.zero.sum.4
          local.get $x.zero.lanes.0.1
          i32x4.extract_lane 0
          i32.add
          local.set $x.zero.sum.5
          local.get $x.zero.sum.5
          local.get $x.zero.lanes.0.1
          i32x4.extract_lane 1
          i32.add
          local.set $x.zero.sum.6
          local.get $x.zero.sum.6
          local.get $x.zero.lanes.0.1
          i32x4.extract_lane 2
          i32.add
          local.set $x.zero.sum.7
          local.get $x.zero.sum.7
          local.get $x.zero.lanes.0.1
          i32x4.extract_lane 3
          i32.add
          local.set $x.zero.sum.8
          local.get $&x.zero
          local.get $t.1
          i32.add
          local.get $x.zero/kg
          i32.const 4
          i32.mul
          i32.add
          local.get $x.zero.sum.8
          i32.store
          local.get $x.zero/kg
          i32.const 1
          i32.add
          local.tee $x.zero/kg
          i32.const 4
          i32.lt_s
          br_if $x.zero/kg
        end
        local.get $x.zero/mo
        i32.const 1
        i32.add
        local.tee $x.zero/mo
        local.get $end
        i32.lt_s
        br_if $x.zero/mo
      end
    end
  )
  (func $all/main (param $&x.q i32) (param $&x.s i32) (param $&w.q i32) (param $&w.s i32) (param $&y i32) (param $&x.zero i32) (param $begin i32) (param $end i32)
    (local $acc.0 v128)
    (local $acc.1 v128)
    (local $acc.2 v128)
    (local $acc.3 v128)
    (local $x.q.at i32)
    (local $w.q.at i32)
    (local $x.zero.at i32)
    (local $w.s.at i32)
    (local $x.s.at i32)
    (local $np i32)
    (local $kg i32)
    (local $x.q.1 v128)
    (local $w.q.1 v128)
    (local $d16.0.1 v128)
    (local $const v128)
    (local $x.q.2 v128)
    (local $d16.0.2 v128)
    (local $w.q.2 v128)
    (local $d16.1.1 v128)
    (local $d16.1.2 v128)
    (local $w.q.3 v128)
    (local $d16.2.1 v128)
    (local $d16.2.2 v128)
    (local $w.q.4 v128)
    (local $d16.3.1 v128)
    (local $d16.3.2 v128)
    (local $x.q.3 v128)
    (local $w.q.5 v128)
    (local $d16.0.3 v128)
    (local $x.q.4 v128)
    (local $d16.0.4 v128)
    (local $w.q.6 v128)
    (local $d16.1.3 v128)
    (local $d16.1.4 v128)
    (local $w.q.7 v128)
    (local $d16.2.3 v128)
    (local $d16.2.4 v128)
    (local $w.q.8 v128)
    (local $d16.3.3 v128)
    (local $d16.3.4 v128)
    (local $x.q.5 v128)
    (local $w.q.9 v128)
    (local $d16.0.5 v128)
    (local $x.q.6 v128)
    (local $d16.0.6 v128)
    (local $w.q.10 v128)
    (local $d16.1.5 v128)
    (local $d16.1.6 v128)
    (local $w.q.11 v128)
    (local $d16.2.5 v128)
    (local $d16.2.6 v128)
    (local $w.q.12 v128)
    (local $d16.3.5 v128)
    (local $d16.3.6 v128)
    (local $x.q.7 v128)
    (local $w.q.13 v128)
    (local $d16.0.7 v128)
    (local $x.q.8 v128)
    (local $d16.0.8 v128)
    (local $w.q.14 v128)
    (local $d16.1.7 v128)
    (local $d16.1.8 v128)
    (local $w.q.15 v128)
    (local $d16.2.7 v128)
    (local $d16.2.8 v128)
    (local $w.q.16 v128)
    (local $d16.3.7 v128)
    (local $d16.3.8 v128)
    (local $d.0.1 v128)
    (local $d.1.1 v128)
    (local $d.2.1 v128)
    (local $d.3.1 v128)
    (local $x.zero.1.all v128)
    (local $x.s.1.all v128)
    (local $t i32)
    v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15
    local.set $const
    local.get $begin
    local.set $np
    local.get $np
    local.get $end
    i32.lt_s
    if
      loop $np
        v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
        local.set $acc.0
        v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
        local.set $acc.1
        v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
        local.set $acc.2
        v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
        local.set $acc.3
        local.get $&x.q
        local.set $x.q.at
        local.get $&w.q
        local.get $np
        i32.const 1024
        i32.mul
        i32.add
        local.set $w.q.at
        local.get $&x.zero
        local.set $x.zero.at
        local.get $&w.s
        local.get $np
        i32.const 256
        i32.mul
        i32.add
        local.set $w.s.at
        local.get $&x.s
        local.set $x.s.at
        i32.const 0
        local.set $kg
        loop $kg
          local.get $x.q.at
          v128.load32_splat align=1
          local.set $x.q.1
          local.get $w.q.at
          v128.load align=1
          local.set $w.q.1
          local.get $x.q.1
          local.get $w.q.1
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          local.set $d16.0.1
          local.get $x.q.at
          v128.load32_splat offset=4 align=1
          local.set $x.q.2
          local.get $d16.0.1
          local.get $x.q.2
          local.get $w.q.1
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.2
          local.get $w.q.at
          v128.load offset=16 align=1
          local.set $w.q.2
          local.get $x.q.1
          local.get $w.q.2
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          local.set $d16.1.1
          local.get $d16.1.1
          local.get $x.q.2
          local.get $w.q.2
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.1.2
          local.get $w.q.at
          v128.load offset=32 align=1
          local.set $w.q.3
          local.get $x.q.1
          local.get $w.q.3
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          local.set $d16.2.1
          local.get $d16.2.1
          local.get $x.q.2
          local.get $w.q.3
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.2.2
          local.get $w.q.at
          v128.load offset=48 align=1
          local.set $w.q.4
          local.get $x.q.1
          local.get $w.q.4
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          local.set $d16.3.1
          local.get $d16.3.1
          local.get $x.q.2
          local.get $w.q.4
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.3.2
          local.get $x.q.at
          v128.load32_splat offset=8 align=1
          local.set $x.q.3
          local.get $w.q.at
          v128.load offset=64 align=1
          local.set $w.q.5
          local.get $d16.0.2
          local.get $x.q.3
          local.get $w.q.5
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.3
          local.get $x.q.at
          v128.load32_splat offset=12 align=1
          local.set $x.q.4
          local.get $d16.0.3
          local.get $x.q.4
          local.get $w.q.5
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.4
          local.get $w.q.at
          v128.load offset=80 align=1
          local.set $w.q.6
          local.get $d16.1.2
          local.get $x.q.3
          local.get $w.q.6
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.1.3
          local.get $d16.1.3
          local.get $x.q.4
          local.get $w.q.6
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.1.4
          local.get $w.q.at
          v128.load offset=96 align=1
          local.set $w.q.7
          local.get $d16.2.2
          local.get $x.q.3
          local.get $w.q.7
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.2.3
          local.get $d16.2.3
          local.get $x.q.4
          local.get $w.q.7
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.2.4
          local.get $w.q.at
          v128.load offset=112 align=1
          local.set $w.q.8
          local.get $d16.3.2
          local.get $x.q.3
          local.get $w.q.8
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.3.3
          local.get $d16.3.3
          local.get $x.q.4
          local.get $w.q.8
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.3.4
          local.get $x.q.at
          v128.load32_splat offset=16 align=1
          local.set $x.q.5
          local.get $w.q.at
          v128.load offset=128 align=1
          local.set $w.q.9
          local.get $d16.0.4
          local.get $x.q.5
          local.get $w.q.9
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.5
          local.get $x.q.at
          v128.load32_splat offset=20 align=1
          local.set $x.q.6
          local.get $d16.0.5
          local.get $x.q.6
          local.get $w.q.9
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.6
          local.get $w.q.at
          v128.load offset=144 align=1
          local.set $w.q.10
          local.get $d16.1.4
          local.get $x.q.5
          local.get $w.q.10
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.1.5
          local.get $d16.1.5
          local.get $x.q.6
          local.get $w.q.10
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.1.6
          local.get $w.q.at
          v128.load offset=160 align=1
          local.set $w.q.11
          local.get $d16.2.4
          local.get $x.q.5
          local.get $w.q.11
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.2.5
          local.get $d16.2.5
          local.get $x.q.6
          local.get $w.q.11
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.2.6
          local.get $w.q.at
          v128.load offset=176 align=1
          local.set $w.q.12
          local.get $d16.3.4
          local.get $x.q.5
          local.get $w.q.12
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.3.5
          local.get $d16.3.5
          local.get $x.q.6
          local.get $w.q.12
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.3.6
          local.get $x.q.at
          v128.load32_splat offset=24 align=1
          local.set $x.q.7
          local.get $w.q.at
          v128.load offset=192 align=1
          local.set $w.q.13
          local.get $d16.0.6
          local.get $x.q.7
          local.get $w.q.13
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.7
          local.get $x.q.at
          v128.load32_splat offset=28 align=1
          local.set $x.q.8
          local.get $d16.0.7
          local.get $x.q.8
          local.get $w.q.13
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.8
          local.get $w.q.at
          v128.load offset=208 align=1
          local.set $w.q.14
          local.get $d16.1.6
          local.get $x.q.7
          local.get $w.q.14
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.1.7
          local.get $d16.1.7
          local.get $x.q.8
          local.get $w.q.14
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.1.8
          local.get $w.q.at
          v128.load offset=224 align=1
          local.set $w.q.15
          local.get $d16.2.6
          local.get $x.q.7
          local.get $w.q.15
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.2.7
          local.get $d16.2.7
          local.get $x.q.8
          local.get $w.q.15
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.2.8
          local.get $w.q.at
          v128.load offset=240 align=1
          local.set $w.q.16
          local.get $d16.3.6
          local.get $x.q.7
          local.get $w.q.16
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.3.7
          local.get $d16.3.7
          local.get $x.q.8
          local.get $w.q.16
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.3.8
          local.get $d16.0.8
          i32x4.extadd_pairwise_i16x8_s
          local.set $d.0.1
          local.get $d16.1.8
          i32x4.extadd_pairwise_i16x8_s
          local.set $d.1.1
          local.get $d16.2.8
          i32x4.extadd_pairwise_i16x8_s
          local.set $d.2.1
          local.get $d16.3.8
          i32x4.extadd_pairwise_i16x8_s
          local.set $d.3.1
          local.get $x.zero.at
          v128.load32_splat
          local.set $x.zero.1.all
          local.get $x.s.at
          v128.load32_splat
          local.set $x.s.1.all
          local.get $d.0.1
          local.get $x.zero.1.all
          i32x4.sub
          f32x4.convert_i32x4_s
          local.get $x.s.1.all
          local.get $w.s.at
          v128.load align=4
          f32x4.mul
          local.get $acc.0
          f32x4.relaxed_madd
          local.set $acc.0
          local.get $d.1.1
          local.get $x.zero.1.all
          i32x4.sub
          f32x4.convert_i32x4_s
          local.get $x.s.1.all
          local.get $w.s.at
          v128.load offset=16 align=4
          f32x4.mul
          local.get $acc.1
          f32x4.relaxed_madd
          local.set $acc.1
          local.get $d.2.1
          local.get $x.zero.1.all
          i32x4.sub
          f32x4.convert_i32x4_s
          local.get $x.s.1.all
          local.get $w.s.at
          v128.load offset=32 align=4
          f32x4.mul
          local.get $acc.2
          f32x4.relaxed_madd
          local.set $acc.2
          local.get $d.3.1
          local.get $x.zero.1.all
          i32x4.sub
          f32x4.convert_i32x4_s
          local.get $x.s.1.all
          local.get $w.s.at
          v128.load offset=48 align=4
          f32x4.mul
          local.get $acc.3
          f32x4.relaxed_madd
          local.set $acc.3
          local.get $x.q.at
          i32.const 32
          i32.add
          local.set $x.q.at
          local.get $w.q.at
          i32.const 256
          i32.add
          local.set $w.q.at
          local.get $x.zero.at
          i32.const 4
          i32.add
          local.set $x.zero.at
          local.get $w.s.at
          i32.const 64
          i32.add
          local.set $w.s.at
          local.get $x.s.at
          i32.const 4
          i32.add
          local.set $x.s.at
          local.get $kg
          i32.const 1
          i32.add
          local.tee $kg
          i32.const 4
          i32.lt_s
          br_if $kg
        end
        local.get $&y
        local.get $np
        i32.const 64
        i32.mul
        i32.add
        local.set $t
        local.get $t
        local.get $acc.0
        v128.store align=4
        local.get $t
        local.get $acc.1
        v128.store offset=16 align=4
        local.get $t
        local.get $acc.2
        v128.store offset=32 align=4
        local.get $t
        local.get $acc.3
        v128.store offset=48 align=4
        local.get $np
        i32.const 1
        i32.add
        local.tee $np
        local.get $end
        i32.lt_s
        br_if $np
      end
    end
  )
  (export "pack" (func $pack))
  (export "all/quantize" (func $all/quantize))
  (export "all/x.zero" (func $all/x.zero))
  (export "all/main" (func $all/main))
)
