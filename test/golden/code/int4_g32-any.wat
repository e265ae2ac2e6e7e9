;; workload {"op":"matmul","m":"any","n":37,"k":128,"w":"int4_g32","bias":true,"numerics":{"compute":"i8","xGroup":32}}
;; features relaxed-simd
;; M 0..8: integer-dot-decode {"vectors":1,"tile":1,"rows":2,"panel":1,"order":"quads-outside"}
;; M 9..2147483647: integer-dot-decode {"vectors":1,"tile":1,"rows":2,"panel":1,"order":"quads-outside"}
(module
  (import "env" "memory" (memory $memory 0))
  (func $pack (param $&w.codes i32) (param $&w.scales i32) (param $&w.q i32) (param $&w.s i32) (param $begin i32) (param $end i32)
    (local $piece i32)
    (local $piece.1 i32)
    (local $piece.2 i32)
    (local $piece.3 i32)
    (local $piece.4 f32)
    (local $piece.5 f32)
    (local $piece.6 f32)
    (local $piece.7 f32)
    (local $piece.8 f32)
    (local $piece.9 f32)
    (local $piece.10 f32)
    (local $piece.11 f32)
    (local $piece.12 f32)
    (local $piece.13 f32)
    (local $piece.14 f32)
    (local $piece.15 f32)
    (local $w.codes.at i32)
    (local $w.q.at i32)
    (local $w.s.at i32)
    (local $w.scales.at i32)
    (local $w.q/no i32)
    (local $t i32)
    (local $t.2 i32)
    (local $w.q/kb i32)
    (local $w.q/nl i32)
    (local $t.1 i32)
    (local $w.s/no i32)
    (local $t.4 i32)
    (local $t.3 i32)
    (local $t.5 i32)
    (local $t.6 i32)
    i32.const 0
    local.set $w.q/no
    loop $w.q/no
      local.get $w.q/no
      i32.const 256
      i32.mul
      local.set $t
      local.get $w.q/no
      i32.const 4
      i32.mul
      local.set $t.2
      i32.const 0
      local.set $w.q/kb
      loop $w.q/kb
        local.get $t
        local.get $&w.codes
        local.get $w.q/kb
        i32.const 4
        i32.mul
        i32.add
        i32.add
        local.set $w.codes.at
        local.get $t
        local.get $&w.q
        local.get $w.q/kb
        i32.const 16
        i32.mul
        i32.add
        i32.add
        local.set $w.q.at
        i32.const 0
        local.set $w.q/nl
        loop $w.q/nl
          i32.const 0
          local.set $piece
          local.get $t.2
          local.get $w.q/nl
          i32.add
          i32.const 37
          i32.lt_s
          local.set $t.1
          local.get $t.1
          if
            local.get $w.codes.at
            i32.load8_u
            local.set $piece
          end
          i32.const 0
          local.set $piece.1
          local.get $t.1
          if
            local.get $w.codes.at
            i32.load8_u offset=2
            local.set $piece.1
          end
          local.get $w.q.at
          local.get $piece
          i32.const 15
          i32.and
          i32.const 0
          local.get $t.1
          select
          local.get $piece.1
          i32.const 15
          i32.and
          i32.const 0
          local.get $t.1
          select
          i32.const 4
          i32.shl
          i32.or
          i32.store8
          local.get $w.q.at
          local.get $piece
          i32.const 4
          i32.shr_s
          i32.const 0
          local.get $t.1
          select
          local.get $piece.1
          i32.const 4
          i32.shr_s
          i32.const 0
          local.get $t.1
          select
          i32.const 4
          i32.shl
          i32.or
          i32.store8 offset=1
          i32.const 0
          local.set $piece.2
          local.get $t.1
          if
            local.get $w.codes.at
            i32.load8_u offset=1
            local.set $piece.2
          end
          i32.const 0
          local.set $piece.3
          local.get $t.1
          if
            local.get $w.codes.at
            i32.load8_u offset=3
            local.set $piece.3
          end
          local.get $w.q.at
          local.get $piece.2
          i32.const 15
          i32.and
          i32.const 0
          local.get $t.1
          select
          local.get $piece.3
          i32.const 15
          i32.and
          i32.const 0
          local.get $t.1
          select
          i32.const 4
          i32.shl
          i32.or
          i32.store8 offset=2
          local.get $w.q.at
          local.get $piece.2
          i32.const 4
          i32.shr_s
          i32.const 0
          local.get $t.1
          select
          local.get $piece.3
          i32.const 4
          i32.shr_s
          i32.const 0
          local.get $t.1
          select
          i32.const 4
          i32.shl
          i32.or
          i32.store8 offset=3
          local.get $w.codes.at
          i32.const 64
          i32.add
          local.set $w.codes.at
          local.get $w.q.at
          i32.const 4
          i32.add
          local.set $w.q.at
          local.get $w.q/nl
          i32.const 1
          i32.add
          local.tee $w.q/nl
          i32.const 4
          i32.lt_s
          br_if $w.q/nl
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
      i32.const 10
      i32.lt_s
      br_if $w.q/no
    end
    local.get $&w.s
    local.set $w.s.at
    local.get $&w.scales
    local.set $w.scales.at
    i32.const 0
    local.set $w.s/no
    loop $w.s/no
      local.get $w.s.at
      local.get $w.scales.at
      f32.load
      f32.store
      f32.const 0
      local.set $piece.4
      local.get $w.s/no
      i32.const 4
      i32.mul
      local.set $t.4
      local.get $t.4
      i32.const 1
      i32.add
      i32.const 37
      i32.lt_s
      local.set $t.3
      local.get $t.3
      if
        local.get $w.scales.at
        f32.load offset=16
        local.set $piece.4
      end
      local.get $w.s.at
      local.get $piece.4
      f32.const 0
      local.get $t.3
      select
      f32.store offset=4
      f32.const 0
      local.set $piece.5
      local.get $t.4
      i32.const 2
      i32.add
      i32.const 37
      i32.lt_s
      local.set $t.5
      local.get $t.5
      if
        local.get $w.scales.at
        f32.load offset=32
        local.set $piece.5
      end
      local.get $w.s.at
      local.get $piece.5
      f32.const 0
      local.get $t.5
      select
      f32.store offset=8
      f32.const 0
      local.set $piece.6
      local.get $t.4
      i32.const 3
      i32.add
      i32.const 37
      i32.lt_s
      local.set $t.6
      local.get $t.6
      if
        local.get $w.scales.at
        f32.load offset=48
        local.set $piece.6
      end
      local.get $w.s.at
      local.get $piece.6
      f32.const 0
      local.get $t.6
      select
      f32.store offset=12
      local.get $w.s.at
      local.get $w.scales.at
      f32.load offset=4
      f32.store offset=16
      f32.const 0
      local.set $piece.7
      local.get $t.3
      if
        local.get $w.scales.at
        f32.load offset=20
        local.set $piece.7
      end
      local.get $w.s.at
      local.get $piece.7
      f32.const 0
      local.get $t.3
      select
      f32.store offset=20
      f32.const 0
      local.set $piece.8
      local.get $t.5
      if
        local.get $w.scales.at
        f32.load offset=36
        local.set $piece.8
      end
      local.get $w.s.at
      local.get $piece.8
      f32.const 0
      local.get $t.5
      select
      f32.store offset=24
      f32.const 0
      local.set $piece.9
      local.get $t.6
      if
        local.get $w.scales.at
        f32.load offset=52
        local.set $piece.9
      end
      local.get $w.s.at
      local.get $piece.9
      f32.const 0
      local.get $t.6
      select
      f32.store offset=28
      local.get $w.s.at
      local.get $w.scales.at
      f32.load offset=8
      f32.store offset=32
      f32.const 0
      local.set $piece.10
      local.get $t.3
      if
        local.get $w.scales.at
        f32.load offset=24
        local.set $piece.10
      end
      local.get $w.s.at
      local.get $piece.10
      f32.const 0
      local.get $t.3
      select
      f32.store offset=36
      f32.const 0
      local.set $piece.11
      local.get $t.5
      if
        local.get $w.scales.at
        f32.load offset=40
        local.set $piece.11
      end
      local.get $w.s.at
      local.get $piece.11
      f32.const 0
      local.get $t.5
      select
      f32.store offset=40
      f32.const 0
      local.set $piece.12
      local.get $t.6
      if
        local.get $w.scales.at
        f32.load offset=56
        local.set $piece.12
      end
      local.get $w.s.at
      local.get $piece.12
      f32.const 0
      local.get $t.6
      select
      f32.store offset=44
      local.get $w.s.at
      local.get $w.scales.at
      f32.load offset=12
      f32.store offset=48
      f32.const 0
      local.set $piece.13
      local.get $t.3
      if
        local.get $w.scales.at
        f32.load offset=28
        local.set $piece.13
      end
      local.get $w.s.at
      local.get $piece.13
      f32.const 0
      local.get $t.3
      select
      f32.store offset=52
      f32.const 0
      local.set $piece.14
      local.get $t.5
      if
        local.get $w.scales.at
        f32.load offset=44
        local.set $piece.14
      end
      local.get $w.s.at
      local.get $piece.14
      f32.const 0
      local.get $t.5
      select
      f32.store offset=56
      f32.const 0
      local.set $piece.15
      local.get $t.6
      if
        local.get $w.scales.at
        f32.load offset=60
        local.set $piece.15
      end
      local.get $w.s.at
      local.get $piece.15
      f32.const 0
      local.get $t.6
      select
      f32.store offset=60
      local.get $w.s.at
      i32.const 64
      i32.add
      local.set $w.s.at
      local.get $w.scales.at
      i32.const 64
      i32.add
      local.set $w.scales.at
      local.get $w.s/no
      i32.const 1
      i32.add
      local.tee $w.s/no
      i32.const 10
      i32.lt_s
      br_if $w.s/no
    end
  )
  (func $decode/quantize (param $&x i32) (param $&x.q i32) (param $&x.s i32) (param $M i32) (param $begin i32) (param $end i32)
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
  (func $decode/x.zero (param $&x.q i32) (param $&x.zero i32) (param $M i32) (param $begin i32) (param $end i32)
    (local $x.zero.lanes.sum.0 v128)
    (local $x.zero.lanes.sum.1 v128)
    (local $x.zero.lanes.0.0 v128)
    (local $x.zero.lanes.0.1 v128)
    (local $x.q.at i32)
    (local $x.zero/mo i32)
    (local $t.1 i32)
    (local $t.3 i32)
    (local $x.zero/kg i32)
    (local $t i32)
    (local $t.2 i32)
    (local $x.zero/mi i32)
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
        i32.const 256
        i32.mul
        local.set $t.1
        local.get $x.zero/mo
        i32.const 32
        i32.mul
        local.set $t.3
        i32.const 0
        local.set $x.zero/kg
        loop $x.zero/kg
          local.get $&x.q
          local.get $x.zero/kg
          i32.const 32
          i32.mul
          i32.add
          local.set $t
          local.get $&x.zero
          local.get $x.zero/kg
          i32.const 8
          i32.mul
          i32.add
          local.set $t.2
          i32.const 0
          local.set $x.zero/mi
          loop $x.zero/mi
            v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
            v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
            local.set $x.zero.lanes.sum.1
            local.set $x.zero.lanes.sum.0
            local.get $t.1
            local.get $t
            local.get $x.zero/mi
            i32.const 128
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
            local.get $t.2
            local.get $t.3
            i32.add
            local.get $x.zero/mi
            i32.const 4
            i32.mul
            i32.add
            local.get $x.zero.sum.8
            i32.store
            local.get $x.zero/mi
            i32.const 1
            i32.add
            local.tee $x.zero/mi
            i32.const 2
            i32.lt_s
            br_if $x.zero/mi
          end
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
  (func $decode/x.zero.1 (param $&x.q i32) (param $&x.zero.1 i32) (param $M i32) (param $begin i32) (param $end i32)
    (local $x.zero.1.lanes.sum.0 v128)
    (local $x.zero.1.lanes.sum.1 v128)
    (local $x.zero.1.lanes.0.0 v128)
    (local $x.zero.1.lanes.0.1 v128)
    (local $x.q.at i32)
    (local $t i32)
    (local $x.zero.1/mo i32)
    (local $t.1 i32)
    (local $t.2 i32)
    (local $x.zero.1/kg i32)
    (local $x.zero.1/kj i32)
    (local $tmp.v128 v128)
    (local $const v128)
    (local $x.zero.1.sum.1 i32)
    (local $x.zero.1.sum.2 i32)
    (local $x.zero.1.sum.3 i32)
    (local $x.zero.1.sum.4 i32)
    (local $x.zero.1.sum.5 i32)
    (local $x.zero.1.sum.6 i32)
    (local $x.zero.1.sum.7 i32)
    (local $x.zero.1.sum.8 i32)
    v128.const i32x4 8 8 8 8
    local.set $const
    local.get $&x.q
    local.get $M
    i32.const 128
    i32.mul
    i32.add
    local.set $t
    local.get $begin
    local.set $x.zero.1/mo
    local.get $x.zero.1/mo
    local.get $end
    i32.lt_s
    if
      loop $x.zero.1/mo
        local.get $x.zero.1/mo
        i32.const 128
        i32.mul
        local.set $t.1
        local.get $x.zero.1/mo
        i32.const 16
        i32.mul
        local.set $t.2
        i32.const 0
        local.set $x.zero.1/kg
        loop $x.zero.1/kg
          v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
          v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
          local.set $x.zero.1.lanes.sum.1
          local.set $x.zero.1.lanes.sum.0
          local.get $t.1
          local.get $t
          local.get $x.zero.1/kg
          i32.const 32
          i32.mul
          i32.add
          i32.add
          i32.const -128
          i32.add
          local.set $x.q.at
          i32.const 0
          local.set $x.zero.1/kj
          loop $x.zero.1/kj
            local.get $x.zero.1.lanes.sum.0
            local.get $x.q.at
            v128.load8x8_s align=1
            local.tee $tmp.v128
            i32x4.extend_low_i16x8_s
            local.get $const
            i32x4.mul
            i32x4.add
            local.get $x.zero.1.lanes.sum.1
            local.get $tmp.v128
            i32x4.extend_high_i16x8_s
            local.get $const
            i32x4.mul
            i32x4.add
            local.set $x.zero.1.lanes.sum.1
            local.set $x.zero.1.lanes.sum.0
            local.get $x.q.at
            i32.const 8
            i32.add
            local.set $x.q.at
            local.get $x.zero.1/kj
            i32.const 1
            i32.add
            local.tee $x.zero.1/kj
            i32.const 4
            i32.lt_s
            br_if $x.zero.1/kj
          end
          local.get $x.zero.1.lanes.sum.0
          local.get $x.zero.1.lanes.sum.1
          local.set $x.zero.1.lanes.0.1
          local.set $x.zero.1.lanes.0.0
          local.get $x.zero.1.lanes.0.0
          i32x4.extract_lane 0
          local.set $x.zero.1.sum.1
          local.get $x.zero.1.sum.1
          local.get $x.zero.1.lanes.0.0
          i32x4.extract_lane 1
          i32.add
          local.set $x.zero.1.sum.2
          local.get $x.zero.1.sum.2
          local.get $x.zero.1.lanes.0.0
          i32x4.extract_lane 2
          i32.add
          local.set $x.zero.1.sum.3
          local.get $x.zero.1.sum.3
          local.get $x.zero.1.lanes.0.0
          i32x4.extract_lane 3
          i32.add
          local.set $x.zero.1.sum.4
          local.get $x.zero.1.sum.4
          local.get $x.zero.1.lanes.0.1
          i32x4.extract_lane 0
          i32.add
          local.set $x.zero.1.sum.5
          local.get $x.zero.1.sum.5
          local.get $x.zero.1.lanes.0.1
          i32x4.extract_lane 1
          i32.add
          local.set $x.zero.1.sum.6
          local.get $x.zero.1.sum.6
          local.get $x.zero.1.lanes.0.1
          i32x4.extract_lane 2
          i32.add
          local.set $x.zero.1.sum.7
          local.get $x.zero.1.sum.7
          local.get $x.zero.1.lanes.0.1
          i32x4.extract_lane 3
          i32.add
          local.set $x.zero.1.sum.8
          local.get $&x.zero.1
          local.get $t.2
          i32.add
          local.get $x.zero.1/kg
          i32.const 4
          i32.mul
          i32.add
          local.get $x.zero.1.sum.8
          i32.store
          local.get $x.zero.1/kg
          i32.const 1
          i32.add
          local.tee $x.zero.1/kg
          i32.const 4
          i32.lt_s
          br_if $x.zero.1/kg
        end
        local.get $x.zero.1/mo
        i32.const 1
        i32.add
        local.tee $x.zero.1/mo
        local.get $end
        i32.lt_s
        br_if $x.zero.1/mo
      end
    end
  )
  (func $decode/main (param $&x.q i32) (param $&x.s i32) (param $&w.q i32) (param $&w.s i32) (param $&bias i32) (param $&y i32) (param $&x.zero i32) (param $M i32) (param $begin i32) (param $end i32)
    (local $acc.0 v128)
    (local $acc.1 v128)
    (local $piece v128)
    (local $piece.1 v128)
    (local $piece.2 v128)
    (local $x.q.at i32)
    (local $w.q.at i32)
    (local $x.zero.at i32)
    (local $w.s.at i32)
    (local $x.s.at i32)
    (local $t i32)
    (local $np i32)
    (local $t.1 i32)
    (local $t.3 i32)
    (local $t.14 i32)
    (local $t.13 i32)
    (local $t.12 i32)
    (local $t.15 i32)
    (local $mo i32)
    (local $t.2 i32)
    (local $kg i32)
    (local $w.q.1 v128)
    (local $t.4 v128)
    (local $const v128)
    (local $d16.0.1 v128)
    (local $t.5 v128)
    (local $d16.0.2 v128)
    (local $d16.1.1 v128)
    (local $d16.1.2 v128)
    (local $w.q.2 v128)
    (local $t.6 v128)
    (local $d16.0.3 v128)
    (local $t.7 v128)
    (local $d16.0.4 v128)
    (local $d16.1.3 v128)
    (local $d16.1.4 v128)
    (local $w.q.3 v128)
    (local $t.8 v128)
    (local $d16.0.5 v128)
    (local $t.9 v128)
    (local $d16.0.6 v128)
    (local $d16.1.5 v128)
    (local $d16.1.6 v128)
    (local $w.q.4 v128)
    (local $t.10 v128)
    (local $d16.0.7 v128)
    (local $t.11 v128)
    (local $d16.0.8 v128)
    (local $d16.1.7 v128)
    (local $d16.1.8 v128)
    (local $d.0.1 v128)
    (local $d.1.1 v128)
    (local $w.s.1 v128)
    (local $t.16 i32)
    (local $t.17 i32)
    (local $t.18 i32)
    v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15
    local.set $const
    local.get $M
    i32.const 1
    i32.shr_s
    local.set $t
    local.get $begin
    local.set $np
    local.get $np
    local.get $end
    i32.lt_s
    if
      loop $np
        local.get $&w.q
        local.get $np
        i32.const 256
        i32.mul
        i32.add
        local.set $t.1
        local.get $&w.s
        local.get $np
        i32.const 64
        i32.mul
        i32.add
        local.set $t.3
        local.get $np
        i32.const 4
        i32.mul
        local.set $t.14
        local.get $t.14
        i32.const 3
        i32.add
        local.set $t.13
        local.get $t.13
        i32.const 37
        i32.lt_s
        local.set $t.12
        i32.const 37
        local.get $t.13
        i32.le_s
        local.set $t.15
        i32.const 0
        local.set $mo
        loop $mo
          v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
          local.set $acc.0
          v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
          local.set $acc.1
          local.get $&x.q
          local.get $mo
          i32.const 256
          i32.mul
          i32.add
          local.set $x.q.at
          local.get $t.1
          local.set $w.q.at
          local.get $mo
          i32.const 32
          i32.mul
          local.set $t.2
          local.get $&x.zero
          local.get $t.2
          i32.add
          local.set $x.zero.at
          local.get $t.3
          local.set $w.s.at
          local.get $&x.s
          local.get $t.2
          i32.add
          local.set $x.s.at
          i32.const 0
          local.set $kg
          loop $kg
            local.get $w.q.at
            v128.load align=1
            local.set $w.q.1
            local.get $w.q.1
            local.get $const
            v128.and
            local.set $t.4
            local.get $x.q.at
            v128.load32_splat align=1
            local.get $t.4
            i16x8.relaxed_dot_i8x16_i7x16_s
            local.set $d16.0.1
            local.get $w.q.1
            i32.const 4
            i16x8.shr_u
            local.get $const
            v128.and
            local.set $t.5
            local.get $d16.0.1
            local.get $x.q.at
            v128.load32_splat offset=4 align=1
            local.get $t.5
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.0.2
            local.get $x.q.at
            v128.load32_splat offset=128 align=1
            local.get $t.4
            i16x8.relaxed_dot_i8x16_i7x16_s
            local.set $d16.1.1
            local.get $d16.1.1
            local.get $x.q.at
            v128.load32_splat offset=132 align=1
            local.get $t.5
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.1.2
            local.get $w.q.at
            v128.load offset=16 align=1
            local.set $w.q.2
            local.get $w.q.2
            local.get $const
            v128.and
            local.set $t.6
            local.get $d16.0.2
            local.get $x.q.at
            v128.load32_splat offset=8 align=1
            local.get $t.6
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.0.3
            local.get $w.q.2
            i32.const 4
            i16x8.shr_u
            local.get $const
            v128.and
            local.set $t.7
            local.get $d16.0.3
            local.get $x.q.at
            v128.load32_splat offset=12 align=1
            local.get $t.7
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.0.4
            local.get $d16.1.2
            local.get $x.q.at
            v128.load32_splat offset=136 align=1
            local.get $t.6
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.1.3
            local.get $d16.1.3
            local.get $x.q.at
            v128.load32_splat offset=140 align=1
            local.get $t.7
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.1.4
            local.get $w.q.at
            v128.load offset=32 align=1
            local.set $w.q.3
            local.get $w.q.3
            local.get $const
            v128.and
            local.set $t.8
            local.get $d16.0.4
            local.get $x.q.at
            v128.load32_splat offset=16 align=1
            local.get $t.8
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.0.5
            local.get $w.q.3
            i32.const 4
            i16x8.shr_u
            local.get $const
            v128.and
            local.set $t.9
            local.get $d16.0.5
            local.get $x.q.at
            v128.load32_splat offset=20 align=1
            local.get $t.9
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.0.6
            local.get $d16.1.4
            local.get $x.q.at
            v128.load32_splat offset=144 align=1
            local.get $t.8
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.1.5
            local.get $d16.1.5
            local.get $x.q.at
            v128.load32_splat offset=148 align=1
            local.get $t.9
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.1.6
            local.get $w.q.at
            v128.load offset=48 align=1
            local.set $w.q.4
            local.get $w.q.4
            local.get $const
            v128.and
            local.set $t.10
            local.get $d16.0.6
            local.get $x.q.at
            v128.load32_splat offset=24 align=1
            local.get $t.10
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.0.7
            local.get $w.q.4
            i32.const 4
            i16x8.shr_u
            local.get $const
            v128.and
            local.set $t.11
            local.get $d16.0.7
            local.get $x.q.at
            v128.load32_splat offset=28 align=1
            local.get $t.11
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.0.8
            local.get $d16.1.6
            local.get $x.q.at
            v128.load32_splat offset=152 align=1
            local.get $t.10
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.1.7
            local.get $d16.1.7
            local.get $x.q.at
            v128.load32_splat offset=156 align=1
            local.get $t.11
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.1.8
            local.get $d16.0.8
            i32x4.extadd_pairwise_i16x8_s
            local.set $d.0.1
            local.get $d16.1.8
            i32x4.extadd_pairwise_i16x8_s
            local.set $d.1.1
            local.get $w.s.at
            v128.load align=4
            local.set $w.s.1
            local.get $d.0.1
            local.get $x.zero.at
            v128.load32_splat
            i32x4.sub
            f32x4.convert_i32x4_s
            local.get $w.s.1
            local.get $x.s.at
            v128.load32_splat
            f32x4.mul
            local.get $acc.0
            f32x4.relaxed_madd
            local.set $acc.0
            local.get $d.1.1
            local.get $x.zero.at
            v128.load32_splat offset=4
            i32x4.sub
            f32x4.convert_i32x4_s
            local.get $w.s.1
            local.get $x.s.at
            v128.load32_splat offset=16
            f32x4.mul
            local.get $acc.1
            f32x4.relaxed_madd
            local.set $acc.1
            local.get $x.q.at
            i32.const 32
            i32.add
            local.set $x.q.at
            local.get $w.q.at
            i32.const 64
            i32.add
            local.set $w.q.at
            local.get $x.zero.at
            i32.const 8
            i32.add
            local.set $x.zero.at
            local.get $w.s.at
            i32.const 16
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
          v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
          local.set $piece
          local.get $t.12
          if
            local.get $&bias
            local.get $np
            i32.const 16
            i32.mul
            i32.add
            v128.load align=4
            local.set $piece
          end
          local.get $t.15
          if
            local.get $&bias
            local.get $np
            i32.const 16
            i32.mul
            i32.add
            local.set $t.16
            local.get $piece
            local.get $t.16
            f32.load
            f32x4.replace_lane 0
            local.set $piece
            local.get $t.14
            i32.const 1
            i32.add
            i32.const 37
            i32.lt_s
            if
              local.get $piece
              local.get $t.16
              f32.load offset=4
              f32x4.replace_lane 1
              local.set $piece
            end
            local.get $t.14
            i32.const 2
            i32.add
            i32.const 37
            i32.lt_s
            if
              local.get $piece
              local.get $t.16
              f32.load offset=8
              f32x4.replace_lane 2
              local.set $piece
            end
            local.get $t.12
            if
              local.get $piece
              local.get $t.16
              f32.load offset=12
              f32x4.replace_lane 3
              local.set $piece
            end
          end
          local.get $acc.0
          local.get $piece
          f32x4.add
          local.set $piece.1
          local.get $t.12
          if
            local.get $&y
            local.get $mo
            i32.const 296
            i32.mul
            i32.add
            local.get $np
            i32.const 16
            i32.mul
            i32.add
            local.get $piece.1
            v128.store align=4
          end
          local.get $t.15
          if
            local.get $&y
            local.get $mo
            i32.const 296
            i32.mul
            i32.add
            local.get $np
            i32.const 16
            i32.mul
            i32.add
            local.set $t.17
            local.get $t.17
            local.get $piece.1
            f32x4.extract_lane 0
            f32.store
            local.get $t.14
            i32.const 1
            i32.add
            i32.const 37
            i32.lt_s
            if
              local.get $t.17
              local.get $piece.1
              f32x4.extract_lane 1
              f32.store offset=4
            end
            local.get $t.14
            i32.const 2
            i32.add
            i32.const 37
            i32.lt_s
            if
              local.get $t.17
              local.get $piece.1
              f32x4.extract_lane 2
              f32.store offset=8
            end
            local.get $t.12
            if
              local.get $t.17
              local.get $piece.1
              f32x4.extract_lane 3
              f32.store offset=12
            end
          end
          local.get $acc.1
          local.get $piece
          f32x4.add
          local.set $piece.2
          local.get $t.12
          if
            local.get $&y
            local.get $mo
            i32.const 296
            i32.mul
            i32.add
            local.get $np
            i32.const 16
            i32.mul
            i32.add
            local.get $piece.2
            v128.store offset=148 align=4
          end
          local.get $t.15
          if
            local.get $&y
            local.get $mo
            i32.const 296
            i32.mul
            i32.add
            local.get $np
            i32.const 16
            i32.mul
            i32.add
            local.set $t.18
            local.get $t.18
            local.get $piece.2
            f32x4.extract_lane 0
            f32.store offset=148
            local.get $t.14
            i32.const 1
            i32.add
            i32.const 37
            i32.lt_s
            if
              local.get $t.18
              local.get $piece.2
              f32x4.extract_lane 1
              f32.store offset=152
            end
            local.get $t.14
            i32.const 2
            i32.add
            i32.const 37
            i32.lt_s
            if
              local.get $t.18
              local.get $piece.2
              f32x4.extract_lane 2
              f32.store offset=156
            end
            local.get $t.12
            if
              local.get $t.18
              local.get $piece.2
              f32x4.extract_lane 3
              f32.store offset=160
            end
          end
          local.get $mo
          i32.const 1
          i32.add
          local.tee $mo
          local.get $t
          i32.lt_s
          br_if $mo
        end
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
  (func $decode/main.1 (param $&x.q i32) (param $&x.s i32) (param $&w.q i32) (param $&w.s i32) (param $&bias i32) (param $&y i32) (param $&x.zero.1 i32) (param $M i32) (param $begin i32) (param $end i32)
    (local $acc.0 v128)
    (local $piece v128)
    (local $piece.1 v128)
    (local $x.q.at i32)
    (local $w.q.at i32)
    (local $x.zero.1.at i32)
    (local $w.s.at i32)
    (local $x.s.at i32)
    (local $t i32)
    (local $t.1 i32)
    (local $np i32)
    (local $kg i32)
    (local $w.q.1 v128)
    (local $d16.0.1 v128)
    (local $const v128)
    (local $d16.0.2 v128)
    (local $w.q.2 v128)
    (local $d16.0.3 v128)
    (local $d16.0.4 v128)
    (local $w.q.3 v128)
    (local $d16.0.5 v128)
    (local $d16.0.6 v128)
    (local $w.q.4 v128)
    (local $d16.0.7 v128)
    (local $d16.0.8 v128)
    (local $d.0.1 v128)
    (local $t.4 i32)
    (local $t.3 i32)
    (local $t.2 i32)
    (local $t.5 i32)
    (local $t.6 i32)
    (local $t.7 i32)
    v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15
    local.set $const
    local.get $&x.q
    local.get $M
    i32.const 128
    i32.mul
    i32.add
    i32.const -128
    i32.add
    local.set $t
    local.get $&x.s
    local.get $M
    i32.const 16
    i32.mul
    i32.add
    i32.const -16
    i32.add
    local.set $t.1
    local.get $begin
    local.set $np
    local.get $np
    local.get $end
    i32.lt_s
    if
      loop $np
        v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
        local.set $acc.0
        local.get $t
        local.set $x.q.at
        local.get $&w.q
        local.get $np
        i32.const 256
        i32.mul
        i32.add
        local.set $w.q.at
        local.get $&x.zero.1
        local.set $x.zero.1.at
        local.get $&w.s
        local.get $np
        i32.const 64
        i32.mul
        i32.add
        local.set $w.s.at
        local.get $t.1
        local.set $x.s.at
        i32.const 0
        local.set $kg
        loop $kg
          local.get $w.q.at
          v128.load align=1
          local.set $w.q.1
          local.get $x.q.at
          v128.load32_splat align=1
          local.get $w.q.1
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          local.set $d16.0.1
          local.get $d16.0.1
          local.get $x.q.at
          i32.const 4
          i32.add
          v128.load32_splat align=1
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
          local.get $d16.0.2
          local.get $x.q.at
          i32.const 8
          i32.add
          v128.load32_splat align=1
          local.get $w.q.2
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.3
          local.get $d16.0.3
          local.get $x.q.at
          i32.const 12
          i32.add
          v128.load32_splat align=1
          local.get $w.q.2
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.4
          local.get $w.q.at
          v128.load offset=32 align=1
          local.set $w.q.3
          local.get $d16.0.4
          local.get $x.q.at
          i32.const 16
          i32.add
          v128.load32_splat align=1
          local.get $w.q.3
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.5
          local.get $d16.0.5
          local.get $x.q.at
          i32.const 20
          i32.add
          v128.load32_splat align=1
          local.get $w.q.3
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.6
          local.get $w.q.at
          v128.load offset=48 align=1
          local.set $w.q.4
          local.get $d16.0.6
          local.get $x.q.at
          i32.const 24
          i32.add
          v128.load32_splat align=1
          local.get $w.q.4
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.7
          local.get $d16.0.7
          local.get $x.q.at
          i32.const 28
          i32.add
          v128.load32_splat align=1
          local.get $w.q.4
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.8
          local.get $d16.0.8
          i32x4.extadd_pairwise_i16x8_s
          local.set $d.0.1
          local.get $d.0.1
          local.get $x.zero.1.at
          v128.load32_splat
          i32x4.sub
          f32x4.convert_i32x4_s
          local.get $w.s.at
          v128.load align=4
          local.get $x.s.at
          v128.load32_splat
          f32x4.mul
          local.get $acc.0
          f32x4.relaxed_madd
          local.set $acc.0
          local.get $x.q.at
          i32.const 32
          i32.add
          local.set $x.q.at
          local.get $w.q.at
          i32.const 64
          i32.add
          local.set $w.q.at
          local.get $x.zero.1.at
          i32.const 4
          i32.add
          local.set $x.zero.1.at
          local.get $w.s.at
          i32.const 16
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
        v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
        local.set $piece
        local.get $np
        i32.const 4
        i32.mul
        local.set $t.4
        local.get $t.4
        i32.const 3
        i32.add
        local.set $t.3
        local.get $t.3
        i32.const 37
        i32.lt_s
        local.set $t.2
        local.get $t.2
        if
          local.get $&bias
          local.get $np
          i32.const 16
          i32.mul
          i32.add
          v128.load align=4
          local.set $piece
        end
        i32.const 37
        local.get $t.3
        i32.le_s
        local.set $t.5
        local.get $t.5
        if
          local.get $&bias
          local.get $np
          i32.const 16
          i32.mul
          i32.add
          local.set $t.6
          local.get $piece
          local.get $t.6
          f32.load
          f32x4.replace_lane 0
          local.set $piece
          local.get $t.4
          i32.const 1
          i32.add
          i32.const 37
          i32.lt_s
          if
            local.get $piece
            local.get $t.6
            f32.load offset=4
            f32x4.replace_lane 1
            local.set $piece
          end
          local.get $t.4
          i32.const 2
          i32.add
          i32.const 37
          i32.lt_s
          if
            local.get $piece
            local.get $t.6
            f32.load offset=8
            f32x4.replace_lane 2
            local.set $piece
          end
          local.get $t.2
          if
            local.get $piece
            local.get $t.6
            f32.load offset=12
            f32x4.replace_lane 3
            local.set $piece
          end
        end
        local.get $acc.0
        local.get $piece
        f32x4.add
        local.set $piece.1
        local.get $t.2
        if
          local.get $&y
          local.get $M
          i32.const 148
          i32.mul
          i32.add
          local.get $np
          i32.const 16
          i32.mul
          i32.add
          i32.const -148
          i32.add
          local.get $piece.1
          v128.store align=4
        end
        local.get $t.5
        if
          local.get $&y
          local.get $M
          i32.const 148
          i32.mul
          i32.add
          local.get $np
          i32.const 16
          i32.mul
          i32.add
          local.set $t.7
          local.get $t.7
          i32.const -148
          i32.add
          local.get $piece.1
          f32x4.extract_lane 0
          f32.store
          local.get $t.4
          i32.const 1
          i32.add
          i32.const 37
          i32.lt_s
          if
            local.get $t.7
            i32.const -144
            i32.add
            local.get $piece.1
            f32x4.extract_lane 1
            f32.store
          end
          local.get $t.4
          i32.const 2
          i32.add
          i32.const 37
          i32.lt_s
          if
            local.get $t.7
            i32.const -140
            i32.add
            local.get $piece.1
            f32x4.extract_lane 2
            f32.store
          end
          local.get $t.2
          if
            local.get $t.7
            i32.const -136
            i32.add
            local.get $piece.1
            f32x4.extract_lane 3
            f32.store
          end
        end
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
  (func $prefill/quantize (param $&x i32) (param $&x.q i32) (param $&x.s i32) (param $M i32) (param $begin i32) (param $end i32)
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
  (func $prefill/x.zero (param $&x.q i32) (param $&x.zero i32) (param $M i32) (param $begin i32) (param $end i32)
    (local $x.zero.lanes.sum.0 v128)
    (local $x.zero.lanes.sum.1 v128)
    (local $x.zero.lanes.0.0 v128)
    (local $x.zero.lanes.0.1 v128)
    (local $x.q.at i32)
    (local $x.zero/mo i32)
    (local $t.1 i32)
    (local $t.3 i32)
    (local $x.zero/kg i32)
    (local $t i32)
    (local $t.2 i32)
    (local $x.zero/mi i32)
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
        i32.const 256
        i32.mul
        local.set $t.1
        local.get $x.zero/mo
        i32.const 32
        i32.mul
        local.set $t.3
        i32.const 0
        local.set $x.zero/kg
        loop $x.zero/kg
          local.get $&x.q
          local.get $x.zero/kg
          i32.const 32
          i32.mul
          i32.add
          local.set $t
          local.get $&x.zero
          local.get $x.zero/kg
          i32.const 8
          i32.mul
          i32.add
          local.set $t.2
          i32.const 0
          local.set $x.zero/mi
          loop $x.zero/mi
            v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
            v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
            local.set $x.zero.lanes.sum.1
            local.set $x.zero.lanes.sum.0
            local.get $t.1
            local.get $t
            local.get $x.zero/mi
            i32.const 128
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
            local.get $t.2
            local.get $t.3
            i32.add
            local.get $x.zero/mi
            i32.const 4
            i32.mul
            i32.add
            local.get $x.zero.sum.8
            i32.store
            local.get $x.zero/mi
            i32.const 1
            i32.add
            local.tee $x.zero/mi
            i32.const 2
            i32.lt_s
            br_if $x.zero/mi
          end
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
  (func $prefill/x.zero.1 (param $&x.q i32) (param $&x.zero.1 i32) (param $M i32) (param $begin i32) (param $end i32)
    (local $x.zero.1.lanes.sum.0 v128)
    (local $x.zero.1.lanes.sum.1 v128)
    (local $x.zero.1.lanes.0.0 v128)
    (local $x.zero.1.lanes.0.1 v128)
    (local $x.q.at i32)
    (local $t i32)
    (local $x.zero.1/mo i32)
    (local $t.1 i32)
    (local $t.2 i32)
    (local $x.zero.1/kg i32)
    (local $x.zero.1/kj i32)
    (local $tmp.v128 v128)
    (local $const v128)
    (local $x.zero.1.sum.1 i32)
    (local $x.zero.1.sum.2 i32)
    (local $x.zero.1.sum.3 i32)
    (local $x.zero.1.sum.4 i32)
    (local $x.zero.1.sum.5 i32)
    (local $x.zero.1.sum.6 i32)
    (local $x.zero.1.sum.7 i32)
    (local $x.zero.1.sum.8 i32)
    v128.const i32x4 8 8 8 8
    local.set $const
    local.get $&x.q
    local.get $M
    i32.const 128
    i32.mul
    i32.add
    local.set $t
    local.get $begin
    local.set $x.zero.1/mo
    local.get $x.zero.1/mo
    local.get $end
    i32.lt_s
    if
      loop $x.zero.1/mo
        local.get $x.zero.1/mo
        i32.const 128
        i32.mul
        local.set $t.1
        local.get $x.zero.1/mo
        i32.const 16
        i32.mul
        local.set $t.2
        i32.const 0
        local.set $x.zero.1/kg
        loop $x.zero.1/kg
          v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
          v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
          local.set $x.zero.1.lanes.sum.1
          local.set $x.zero.1.lanes.sum.0
          local.get $t.1
          local.get $t
          local.get $x.zero.1/kg
          i32.const 32
          i32.mul
          i32.add
          i32.add
          i32.const -128
          i32.add
          local.set $x.q.at
          i32.const 0
          local.set $x.zero.1/kj
          loop $x.zero.1/kj
            local.get $x.zero.1.lanes.sum.0
            local.get $x.q.at
            v128.load8x8_s align=1
            local.tee $tmp.v128
            i32x4.extend_low_i16x8_s
            local.get $const
            i32x4.mul
            i32x4.add
            local.get $x.zero.1.lanes.sum.1
            local.get $tmp.v128
            i32x4.extend_high_i16x8_s
            local.get $const
            i32x4.mul
            i32x4.add
            local.set $x.zero.1.lanes.sum.1
            local.set $x.zero.1.lanes.sum.0
            local.get $x.q.at
            i32.const 8
            i32.add
            local.set $x.q.at
            local.get $x.zero.1/kj
            i32.const 1
            i32.add
            local.tee $x.zero.1/kj
            i32.const 4
            i32.lt_s
            br_if $x.zero.1/kj
          end
          local.get $x.zero.1.lanes.sum.0
          local.get $x.zero.1.lanes.sum.1
          local.set $x.zero.1.lanes.0.1
          local.set $x.zero.1.lanes.0.0
          local.get $x.zero.1.lanes.0.0
          i32x4.extract_lane 0
          local.set $x.zero.1.sum.1
          local.get $x.zero.1.sum.1
          local.get $x.zero.1.lanes.0.0
          i32x4.extract_lane 1
          i32.add
          local.set $x.zero.1.sum.2
          local.get $x.zero.1.sum.2
          local.get $x.zero.1.lanes.0.0
          i32x4.extract_lane 2
          i32.add
          local.set $x.zero.1.sum.3
          local.get $x.zero.1.sum.3
          local.get $x.zero.1.lanes.0.0
          i32x4.extract_lane 3
          i32.add
          local.set $x.zero.1.sum.4
          local.get $x.zero.1.sum.4
          local.get $x.zero.1.lanes.0.1
          i32x4.extract_lane 0
          i32.add
          local.set $x.zero.1.sum.5
          local.get $x.zero.1.sum.5
          local.get $x.zero.1.lanes.0.1
          i32x4.extract_lane 1
          i32.add
          local.set $x.zero.1.sum.6
          local.get $x.zero.1.sum.6
          local.get $x.zero.1.lanes.0.1
          i32x4.extract_lane 2
          i32.add
          local.set $x.zero.1.sum.7
          local.get $x.zero.1.sum.7
          local.get $x.zero.1.lanes.0.1
          i32x4.extract_lane 3
          i32.add
          local.set $x.zero.1.sum.8
          local.get $&x.zero.1
          local.get $t.2
          i32.add
          local.get $x.zero.1/kg
          i32.const 4
          i32.mul
          i32.add
          local.get $x.zero.1.sum.8
          i32.store
          local.get $x.zero.1/kg
          i32.const 1
          i32.add
          local.tee $x.zero.1/kg
          i32.const 4
          i32.lt_s
          br_if $x.zero.1/kg
        end
        local.get $x.zero.1/mo
        i32.const 1
        i32.add
        local.tee $x.zero.1/mo
        local.get $end
        i32.lt_s
        br_if $x.zero.1/mo
      end
    end
  )
  (func $prefill/main (param $&x.q i32) (param $&x.s i32) (param $&w.q i32) (param $&w.s i32) (param $&bias i32) (param $&y i32) (param $&x.zero i32) (param $M i32) (param $begin i32) (param $end i32)
    (local $acc.0 v128)
    (local $acc.1 v128)
    (local $piece v128)
    (local $piece.1 v128)
    (local $piece.2 v128)
    (local $x.q.at i32)
    (local $w.q.at i32)
    (local $x.zero.at i32)
    (local $w.s.at i32)
    (local $x.s.at i32)
    (local $t i32)
    (local $np i32)
    (local $t.1 i32)
    (local $t.3 i32)
    (local $t.14 i32)
    (local $t.13 i32)
    (local $t.12 i32)
    (local $t.15 i32)
    (local $mo i32)
    (local $t.2 i32)
    (local $kg i32)
    (local $w.q.1 v128)
    (local $t.4 v128)
    (local $const v128)
    (local $d16.0.1 v128)
    (local $t.5 v128)
    (local $d16.0.2 v128)
    (local $d16.1.1 v128)
    (local $d16.1.2 v128)
    (local $w.q.2 v128)
    (local $t.6 v128)
    (local $d16.0.3 v128)
    (local $t.7 v128)
    (local $d16.0.4 v128)
    (local $d16.1.3 v128)
    (local $d16.1.4 v128)
    (local $w.q.3 v128)
    (local $t.8 v128)
    (local $d16.0.5 v128)
    (local $t.9 v128)
    (local $d16.0.6 v128)
    (local $d16.1.5 v128)
    (local $d16.1.6 v128)
    (local $w.q.4 v128)
    (local $t.10 v128)
    (local $d16.0.7 v128)
    (local $t.11 v128)
    (local $d16.0.8 v128)
    (local $d16.1.7 v128)
    (local $d16.1.8 v128)
    (local $d.0.1 v128)
    (local $d.1.1 v128)
    (local $w.s.1 v128)
    (local $t.16 i32)
    (local $t.17 i32)
    (local $t.18 i32)
    v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15
    local.set $const
    local.get $M
    i32.const 1
    i32.shr_s
    local.set $t
    local.get $begin
    local.set $np
    local.get $np
    local.get $end
    i32.lt_s
    if
      loop $np
        local.get $&w.q
        local.get $np
        i32.const 256
        i32.mul
        i32.add
        local.set $t.1
        local.get $&w.s
        local.get $np
        i32.const 64
        i32.mul
        i32.add
        local.set $t.3
        local.get $np
        i32.const 4
        i32.mul
        local.set $t.14
        local.get $t.14
        i32.const 3
        i32.add
        local.set $t.13
        local.get $t.13
        i32.const 37
        i32.lt_s
        local.set $t.12
        i32.const 37
        local.get $t.13
        i32.le_s
        local.set $t.15
        i32.const 0
        local.set $mo
        loop $mo
          v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
          local.set $acc.0
          v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
          local.set $acc.1
          local.get $&x.q
          local.get $mo
          i32.const 256
          i32.mul
          i32.add
          local.set $x.q.at
          local.get $t.1
          local.set $w.q.at
          local.get $mo
          i32.const 32
          i32.mul
          local.set $t.2
          local.get $&x.zero
          local.get $t.2
          i32.add
          local.set $x.zero.at
          local.get $t.3
          local.set $w.s.at
          local.get $&x.s
          local.get $t.2
          i32.add
          local.set $x.s.at
          i32.const 0
          local.set $kg
          loop $kg
            local.get $w.q.at
            v128.load align=1
            local.set $w.q.1
            local.get $w.q.1
            local.get $const
            v128.and
            local.set $t.4
            local.get $x.q.at
            v128.load32_splat align=1
            local.get $t.4
            i16x8.relaxed_dot_i8x16_i7x16_s
            local.set $d16.0.1
            local.get $w.q.1
            i32.const 4
            i16x8.shr_u
            local.get $const
            v128.and
            local.set $t.5
            local.get $d16.0.1
            local.get $x.q.at
            v128.load32_splat offset=4 align=1
            local.get $t.5
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.0.2
            local.get $x.q.at
            v128.load32_splat offset=128 align=1
            local.get $t.4
            i16x8.relaxed_dot_i8x16_i7x16_s
            local.set $d16.1.1
            local.get $d16.1.1
            local.get $x.q.at
            v128.load32_splat offset=132 align=1
            local.get $t.5
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.1.2
            local.get $w.q.at
            v128.load offset=16 align=1
            local.set $w.q.2
            local.get $w.q.2
            local.get $const
            v128.and
            local.set $t.6
            local.get $d16.0.2
            local.get $x.q.at
            v128.load32_splat offset=8 align=1
            local.get $t.6
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.0.3
            local.get $w.q.2
            i32.const 4
            i16x8.shr_u
            local.get $const
            v128.and
            local.set $t.7
            local.get $d16.0.3
            local.get $x.q.at
            v128.load32_splat offset=12 align=1
            local.get $t.7
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.0.4
            local.get $d16.1.2
            local.get $x.q.at
            v128.load32_splat offset=136 align=1
            local.get $t.6
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.1.3
            local.get $d16.1.3
            local.get $x.q.at
            v128.load32_splat offset=140 align=1
            local.get $t.7
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.1.4
            local.get $w.q.at
            v128.load offset=32 align=1
            local.set $w.q.3
            local.get $w.q.3
            local.get $const
            v128.and
            local.set $t.8
            local.get $d16.0.4
            local.get $x.q.at
            v128.load32_splat offset=16 align=1
            local.get $t.8
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.0.5
            local.get $w.q.3
            i32.const 4
            i16x8.shr_u
            local.get $const
            v128.and
            local.set $t.9
            local.get $d16.0.5
            local.get $x.q.at
            v128.load32_splat offset=20 align=1
            local.get $t.9
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.0.6
            local.get $d16.1.4
            local.get $x.q.at
            v128.load32_splat offset=144 align=1
            local.get $t.8
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.1.5
            local.get $d16.1.5
            local.get $x.q.at
            v128.load32_splat offset=148 align=1
            local.get $t.9
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.1.6
            local.get $w.q.at
            v128.load offset=48 align=1
            local.set $w.q.4
            local.get $w.q.4
            local.get $const
            v128.and
            local.set $t.10
            local.get $d16.0.6
            local.get $x.q.at
            v128.load32_splat offset=24 align=1
            local.get $t.10
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.0.7
            local.get $w.q.4
            i32.const 4
            i16x8.shr_u
            local.get $const
            v128.and
            local.set $t.11
            local.get $d16.0.7
            local.get $x.q.at
            v128.load32_splat offset=28 align=1
            local.get $t.11
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.0.8
            local.get $d16.1.6
            local.get $x.q.at
            v128.load32_splat offset=152 align=1
            local.get $t.10
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.1.7
            local.get $d16.1.7
            local.get $x.q.at
            v128.load32_splat offset=156 align=1
            local.get $t.11
            i16x8.relaxed_dot_i8x16_i7x16_s
            i16x8.add
            local.set $d16.1.8
            local.get $d16.0.8
            i32x4.extadd_pairwise_i16x8_s
            local.set $d.0.1
            local.get $d16.1.8
            i32x4.extadd_pairwise_i16x8_s
            local.set $d.1.1
            local.get $w.s.at
            v128.load align=4
            local.set $w.s.1
            local.get $d.0.1
            local.get $x.zero.at
            v128.load32_splat
            i32x4.sub
            f32x4.convert_i32x4_s
            local.get $w.s.1
            local.get $x.s.at
            v128.load32_splat
            f32x4.mul
            local.get $acc.0
            f32x4.relaxed_madd
            local.set $acc.0
            local.get $d.1.1
            local.get $x.zero.at
            v128.load32_splat offset=4
            i32x4.sub
            f32x4.convert_i32x4_s
            local.get $w.s.1
            local.get $x.s.at
            v128.load32_splat offset=16
            f32x4.mul
            local.get $acc.1
            f32x4.relaxed_madd
            local.set $acc.1
            local.get $x.q.at
            i32.const 32
            i32.add
            local.set $x.q.at
            local.get $w.q.at
            i32.const 64
            i32.add
            local.set $w.q.at
            local.get $x.zero.at
            i32.const 8
            i32.add
            local.set $x.zero.at
            local.get $w.s.at
            i32.const 16
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
          v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
          local.set $piece
          local.get $t.12
          if
            local.get $&bias
            local.get $np
            i32.const 16
            i32.mul
            i32.add
            v128.load align=4
            local.set $piece
          end
          local.get $t.15
          if
            local.get $&bias
            local.get $np
            i32.const 16
            i32.mul
            i32.add
            local.set $t.16
            local.get $piece
            local.get $t.16
            f32.load
            f32x4.replace_lane 0
            local.set $piece
            local.get $t.14
            i32.const 1
            i32.add
            i32.const 37
            i32.lt_s
            if
              local.get $piece
              local.get $t.16
              f32.load offset=4
              f32x4.replace_lane 1
              local.set $piece
            end
            local.get $t.14
            i32.const 2
            i32.add
            i32.const 37
            i32.lt_s
            if
              local.get $piece
              local.get $t.16
              f32.load offset=8
              f32x4.replace_lane 2
              local.set $piece
            end
            local.get $t.12
            if
              local.get $piece
              local.get $t.16
              f32.load offset=12
              f32x4.replace_lane 3
              local.set $piece
            end
          end
          local.get $acc.0
          local.get $piece
          f32x4.add
          local.set $piece.1
          local.get $t.12
          if
            local.get $&y
            local.get $mo
            i32.const 296
            i32.mul
            i32.add
            local.get $np
            i32.const 16
            i32.mul
            i32.add
            local.get $piece.1
            v128.store align=4
          end
          local.get $t.15
          if
            local.get $&y
            local.get $mo
            i32.const 296
            i32.mul
            i32.add
            local.get $np
            i32.const 16
            i32.mul
            i32.add
            local.set $t.17
            local.get $t.17
            local.get $piece.1
            f32x4.extract_lane 0
            f32.store
            local.get $t.14
            i32.const 1
            i32.add
            i32.const 37
            i32.lt_s
            if
              local.get $t.17
              local.get $piece.1
              f32x4.extract_lane 1
              f32.store offset=4
            end
            local.get $t.14
            i32.const 2
            i32.add
            i32.const 37
            i32.lt_s
            if
              local.get $t.17
              local.get $piece.1
              f32x4.extract_lane 2
              f32.store offset=8
            end
            local.get $t.12
            if
              local.get $t.17
              local.get $piece.1
              f32x4.extract_lane 3
              f32.store offset=12
            end
          end
          local.get $acc.1
          local.get $piece
          f32x4.add
          local.set $piece.2
          local.get $t.12
          if
            local.get $&y
            local.get $mo
            i32.const 296
            i32.mul
            i32.add
            local.get $np
            i32.const 16
            i32.mul
            i32.add
            local.get $piece.2
            v128.store offset=148 align=4
          end
          local.get $t.15
          if
            local.get $&y
            local.get $mo
            i32.const 296
            i32.mul
            i32.add
            local.get $np
            i32.const 16
            i32.mul
            i32.add
            local.set $t.18
            local.get $t.18
            local.get $piece.2
            f32x4.extract_lane 0
            f32.store offset=148
            local.get $t.14
            i32.const 1
            i32.add
            i32.const 37
            i32.lt_s
            if
              local.get $t.18
              local.get $piece.2
              f32x4.extract_lane 1
              f32.store offset=152
            end
            local.get $t.14
            i32.const 2
            i32.add
            i32.const 37
            i32.lt_s
            if
              local.get $t.18
              local.get $piece.2
              f32x4.extract_lane 2
              f32.store offset=156
            end
            local.get $t.12
            if
              local.get $t.18
              local.get $piece.2
              f32x4.extract_lane 3
              f32.store offset=160
            end
          end
          local.get $mo
          i32.const 1
          i32.add
          local.tee $mo
          local.get $t
          i32.lt_s
          br_if $mo
        end
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
  (func $prefill/main.1 (param $&x.q i32) (param $&x.s i32) (param $&w.q i32) (param $&w.s i32) (param $&bias i32) (param $&y i32) (param $&x.zero.1 i32) (param $M i32) (param $begin i32) (param $end i32)
    (local $acc.0 v128)
    (local $piece v128)
    (local $piece.1 v128)
    (local $x.q.at i32)
    (local $w.q.at i32)
    (local $x.zero.1.at i32)
    (local $w.s.at i32)
    (local $x.s.at i32)
    (local $t i32)
    (local $t.1 i32)
    (local $np i32)
    (local $kg i32)
    (local $w.q.1 v128)
    (local $d16.0.1 v128)
    (local $const v128)
    (local $d16.0.2 v128)
    (local $w.q.2 v128)
    (local $d16.0.3 v128)
    (local $d16.0.4 v128)
    (local $w.q.3 v128)
    (local $d16.0.5 v128)
    (local $d16.0.6 v128)
    (local $w.q.4 v128)
    (local $d16.0.7 v128)
    (local $d16.0.8 v128)
    (local $d.0.1 v128)
    (local $t.4 i32)
    (local $t.3 i32)
    (local $t.2 i32)
    (local $t.5 i32)
    (local $t.6 i32)
    (local $t.7 i32)
    v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15
    local.set $const
    local.get $&x.q
    local.get $M
    i32.const 128
    i32.mul
    i32.add
    i32.const -128
    i32.add
    local.set $t
    local.get $&x.s
    local.get $M
    i32.const 16
    i32.mul
    i32.add
    i32.const -16
    i32.add
    local.set $t.1
    local.get $begin
    local.set $np
    local.get $np
    local.get $end
    i32.lt_s
    if
      loop $np
        v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
        local.set $acc.0
        local.get $t
        local.set $x.q.at
        local.get $&w.q
        local.get $np
        i32.const 256
        i32.mul
        i32.add
        local.set $w.q.at
        local.get $&x.zero.1
        local.set $x.zero.1.at
        local.get $&w.s
        local.get $np
        i32.const 64
        i32.mul
        i32.add
        local.set $w.s.at
        local.get $t.1
        local.set $x.s.at
        i32.const 0
        local.set $kg
        loop $kg
          local.get $w.q.at
          v128.load align=1
          local.set $w.q.1
          local.get $x.q.at
          v128.load32_splat align=1
          local.get $w.q.1
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          local.set $d16.0.1
          local.get $d16.0.1
          local.get $x.q.at
          i32.const 4
          i32.add
          v128.load32_splat align=1
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
          local.get $d16.0.2
          local.get $x.q.at
          i32.const 8
          i32.add
          v128.load32_splat align=1
          local.get $w.q.2
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.3
          local.get $d16.0.3
          local.get $x.q.at
          i32.const 12
          i32.add
          v128.load32_splat align=1
          local.get $w.q.2
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.4
          local.get $w.q.at
          v128.load offset=32 align=1
          local.set $w.q.3
          local.get $d16.0.4
          local.get $x.q.at
          i32.const 16
          i32.add
          v128.load32_splat align=1
          local.get $w.q.3
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.5
          local.get $d16.0.5
          local.get $x.q.at
          i32.const 20
          i32.add
          v128.load32_splat align=1
          local.get $w.q.3
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.6
          local.get $w.q.at
          v128.load offset=48 align=1
          local.set $w.q.4
          local.get $d16.0.6
          local.get $x.q.at
          i32.const 24
          i32.add
          v128.load32_splat align=1
          local.get $w.q.4
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.7
          local.get $d16.0.7
          local.get $x.q.at
          i32.const 28
          i32.add
          v128.load32_splat align=1
          local.get $w.q.4
          i32.const 4
          i16x8.shr_u
          local.get $const
          v128.and
          i16x8.relaxed_dot_i8x16_i7x16_s
          i16x8.add
          local.set $d16.0.8
          local.get $d16.0.8
          i32x4.extadd_pairwise_i16x8_s
          local.set $d.0.1
          local.get $d.0.1
          local.get $x.zero.1.at
          v128.load32_splat
          i32x4.sub
          f32x4.convert_i32x4_s
          local.get $w.s.at
          v128.load align=4
          local.get $x.s.at
          v128.load32_splat
          f32x4.mul
          local.get $acc.0
          f32x4.relaxed_madd
          local.set $acc.0
          local.get $x.q.at
          i32.const 32
          i32.add
          local.set $x.q.at
          local.get $w.q.at
          i32.const 64
          i32.add
          local.set $w.q.at
          local.get $x.zero.1.at
          i32.const 4
          i32.add
          local.set $x.zero.1.at
          local.get $w.s.at
          i32.const 16
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
        v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
        local.set $piece
        local.get $np
        i32.const 4
        i32.mul
        local.set $t.4
        local.get $t.4
        i32.const 3
        i32.add
        local.set $t.3
        local.get $t.3
        i32.const 37
        i32.lt_s
        local.set $t.2
        local.get $t.2
        if
          local.get $&bias
          local.get $np
          i32.const 16
          i32.mul
          i32.add
          v128.load align=4
          local.set $piece
        end
        i32.const 37
        local.get $t.3
        i32.le_s
        local.set $t.5
        local.get $t.5
        if
          local.get $&bias
          local.get $np
          i32.const 16
          i32.mul
          i32.add
          local.set $t.6
          local.get $piece
          local.get $t.6
          f32.load
          f32x4.replace_lane 0
          local.set $piece
          local.get $t.4
          i32.const 1
          i32.add
          i32.const 37
          i32.lt_s
          if
            local.get $piece
            local.get $t.6
            f32.load offset=4
            f32x4.replace_lane 1
            local.set $piece
          end
          local.get $t.4
          i32.const 2
          i32.add
          i32.const 37
          i32.lt_s
          if
            local.get $piece
            local.get $t.6
            f32.load offset=8
            f32x4.replace_lane 2
            local.set $piece
          end
          local.get $t.2
          if
            local.get $piece
            local.get $t.6
            f32.load offset=12
            f32x4.replace_lane 3
            local.set $piece
          end
        end
        local.get $acc.0
        local.get $piece
        f32x4.add
        local.set $piece.1
        local.get $t.2
        if
          local.get $&y
          local.get $M
          i32.const 148
          i32.mul
          i32.add
          local.get $np
          i32.const 16
          i32.mul
          i32.add
          i32.const -148
          i32.add
          local.get $piece.1
          v128.store align=4
        end
        local.get $t.5
        if
          local.get $&y
          local.get $M
          i32.const 148
          i32.mul
          i32.add
          local.get $np
          i32.const 16
          i32.mul
          i32.add
          local.set $t.7
          local.get $t.7
          i32.const -148
          i32.add
          local.get $piece.1
          f32x4.extract_lane 0
          f32.store
          local.get $t.4
          i32.const 1
          i32.add
          i32.const 37
          i32.lt_s
          if
            local.get $t.7
            i32.const -144
            i32.add
            local.get $piece.1
            f32x4.extract_lane 1
            f32.store
          end
          local.get $t.4
          i32.const 2
          i32.add
          i32.const 37
          i32.lt_s
          if
            local.get $t.7
            i32.const -140
            i32.add
            local.get $piece.1
            f32x4.extract_lane 2
            f32.store
          end
          local.get $t.2
          if
            local.get $t.7
            i32.const -136
            i32.add
            local.get $piece.1
            f32x4.extract_lane 3
            f32.store
          end
        end
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
  (export "decode/quantize" (func $decode/quantize))
  (export "decode/x.zero" (func $decode/x.zero))
  (export "decode/x.zero.1" (func $decode/x.zero.1))
  (export "decode/main" (func $decode/main))
  (export "decode/main.1" (func $decode/main.1))
  (export "prefill/quantize" (func $prefill/quantize))
  (export "prefill/x.zero" (func $prefill/x.zero))
  (export "prefill/x.zero.1" (func $prefill/x.zero.1))
  (export "prefill/main" (func $prefill/main))
  (export "prefill/main.1" (func $prefill/main.1))
)
