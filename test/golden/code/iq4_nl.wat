;; workload {"op":"matmul","m":1,"n":64,"k":128,"w":"iq4_nl","bias":false,"numerics":{"compute":"i8","xGroup":32}}
;; features relaxed-simd
;; M 1..1: integer-dot-decode {"vectors":1,"tile":1,"rows":1,"panel":1,"order":"quads-outside"}
(module
  (import "env" "memory" (memory $memory 0))
  (func $pack (param $&w.raw i32) (param $&w.q i32) (param $&w.s i32) (param $begin i32) (param $end i32)
    (local $w.q.at i32)
    (local $w.raw.at i32)
    (local $w.s.at i32)
    (local $w.raw.at.1 i32)
    (local $w.q/no i32)
    (local $t i32)
    (local $t.1 i32)
    (local $w.q/kb i32)
    (local $t.2 i32)
    (local $w.q/nl i32)
    (local $w.s/no i32)
    (local $tmp.i32 i32)
    (local $tmp.i32.1 i32)
    i32.const 0
    local.set $w.q/no
    loop $w.q/no
      local.get $w.q/no
      i32.const 256
      i32.mul
      local.set $t
      local.get $&w.raw
      local.get $w.q/no
      i32.const 288
      i32.mul
      i32.add
      local.set $t.1
      i32.const 0
      local.set $w.q/kb
      loop $w.q/kb
        local.get $t
        local.get $&w.q
        local.get $w.q/kb
        i32.const 16
        i32.mul
        i32.add
        i32.add
        local.set $w.q.at
        local.get $t.1
        local.get $w.q/kb
        i32.const 2
        i32.shr_s
        i32.const 18
        i32.mul
        i32.add
        local.get $w.q/kb
        i32.const 1
        i32.and
        i32.const 8
        i32.mul
        i32.add
        i32.const 2
        i32.add
        local.set $w.raw.at
        local.get $w.q/kb
        i32.const 1
        i32.shr_s
        i32.const 1
        i32.and
        i32.const 4
        i32.mul
        local.set $t.2
        i32.const 0
        local.set $w.q/nl
        loop $w.q/nl
          local.get $w.q.at
          local.get $w.raw.at
          i32.load8_u offset=4
          local.get $t.2
          i32.shr_s
          i32.const 15
          i32.and
          i32.const 4
          i32.shl
          local.get $w.raw.at
          i32.load8_u
          local.get $t.2
          i32.shr_s
          i32.const 15
          i32.and
          i32.or
          i32.store8
          local.get $w.q.at
          local.get $w.raw.at
          i32.load8_u offset=5
          local.get $t.2
          i32.shr_s
          i32.const 15
          i32.and
          i32.const 4
          i32.shl
          local.get $w.raw.at
          i32.load8_u offset=1
          local.get $t.2
          i32.shr_s
          i32.const 15
          i32.and
          i32.or
          i32.store8 offset=1
          local.get $w.q.at
          local.get $w.raw.at
          i32.load8_u offset=6
          local.get $t.2
          i32.shr_s
          i32.const 15
          i32.and
          i32.const 4
          i32.shl
          local.get $w.raw.at
          i32.load8_u offset=2
          local.get $t.2
          i32.shr_s
          i32.const 15
          i32.and
          i32.or
          i32.store8 offset=2
          local.get $w.q.at
          local.get $w.raw.at
          i32.load8_u offset=7
          local.get $t.2
          i32.shr_s
          i32.const 15
          i32.and
          i32.const 4
          i32.shl
          local.get $w.raw.at
          i32.load8_u offset=3
          local.get $t.2
          i32.shr_s
          i32.const 15
          i32.and
          i32.or
          i32.store8 offset=3
          local.get $w.q.at
          i32.const 4
          i32.add
          local.set $w.q.at
          local.get $w.raw.at
          i32.const 72
          i32.add
          local.set $w.raw.at
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
      i32.const 16
      i32.lt_s
      br_if $w.q/no
    end
    local.get $&w.s
    local.set $w.s.at
    local.get $&w.raw
    local.set $w.raw.at.1
    i32.const 0
    local.set $w.s/no
    loop $w.s/no
      local.get $w.s.at
      local.get $w.raw.at.1
      i32.load8_u
      local.get $w.raw.at.1
      i32.load8_u offset=1
      i32.const 8
      i32.shl
      i32.or
      i32.const 65535
      i32.and
      i32.extend16_s
      i32.const 13
      i32.shl
      local.tee $tmp.i32
      i32.const -1879056384
      i32.and
      f32.reinterpret_i32
      f32.const 5.192297e+33
      f32.mul
      i32.reinterpret_f32
      local.tee $tmp.i32.1
      i32.const 2139095040
      i32.or
      local.get $tmp.i32.1
      i32.const 260046848
      local.get $tmp.i32
      i32.const 268427264
      i32.and
      i32.le_s
      select
      f32.reinterpret_i32
      f32.store
      local.get $w.s.at
      local.get $w.raw.at.1
      i32.load8_u offset=72
      local.get $w.raw.at.1
      i32.load8_u offset=73
      i32.const 8
      i32.shl
      i32.or
      i32.const 65535
      i32.and
      i32.extend16_s
      i32.const 13
      i32.shl
      local.tee $tmp.i32
      i32.const -1879056384
      i32.and
      f32.reinterpret_i32
      f32.const 5.192297e+33
      f32.mul
      i32.reinterpret_f32
      local.tee $tmp.i32.1
      i32.const 2139095040
      i32.or
      local.get $tmp.i32.1
      i32.const 260046848
      local.get $tmp.i32
      i32.const 268427264
      i32.and
      i32.le_s
      select
      f32.reinterpret_i32
      f32.store offset=4
      local.get $w.s.at
      local.get $w.raw.at.1
      i32.load8_u offset=144
      local.get $w.raw.at.1
      i32.load8_u offset=145
      i32.const 8
      i32.shl
      i32.or
      i32.const 65535
      i32.and
      i32.extend16_s
      i32.const 13
      i32.shl
      local.tee $tmp.i32
      i32.const -1879056384
      i32.and
      f32.reinterpret_i32
      f32.const 5.192297e+33
      f32.mul
      i32.reinterpret_f32
      local.tee $tmp.i32.1
      i32.const 2139095040
      i32.or
      local.get $tmp.i32.1
      i32.const 260046848
      local.get $tmp.i32
      i32.const 268427264
      i32.and
      i32.le_s
      select
      f32.reinterpret_i32
      f32.store offset=8
      local.get $w.s.at
      local.get $w.raw.at.1
      i32.load8_u offset=216
      local.get $w.raw.at.1
      i32.load8_u offset=217
      i32.const 8
      i32.shl
      i32.or
      i32.const 65535
      i32.and
      i32.extend16_s
      i32.const 13
      i32.shl
      local.tee $tmp.i32
      i32.const -1879056384
      i32.and
      f32.reinterpret_i32
      f32.const 5.192297e+33
      f32.mul
      i32.reinterpret_f32
      local.tee $tmp.i32.1
      i32.const 2139095040
      i32.or
      local.get $tmp.i32.1
      i32.const 260046848
      local.get $tmp.i32
      i32.const 268427264
      i32.and
      i32.le_s
      select
      f32.reinterpret_i32
      f32.store offset=12
      local.get $w.s.at
      local.get $w.raw.at.1
      i32.load8_u offset=18
      local.get $w.raw.at.1
      i32.load8_u offset=19
      i32.const 8
      i32.shl
      i32.or
      i32.const 65535
      i32.and
      i32.extend16_s
      i32.const 13
      i32.shl
      local.tee $tmp.i32
      i32.const -1879056384
      i32.and
      f32.reinterpret_i32
      f32.const 5.192297e+33
      f32.mul
      i32.reinterpret_f32
      local.tee $tmp.i32.1
      i32.const 2139095040
      i32.or
      local.get $tmp.i32.1
      i32.const 260046848
      local.get $tmp.i32
      i32.const 268427264
      i32.and
      i32.le_s
      select
      f32.reinterpret_i32
      f32.store offset=16
      local.get $w.s.at
      local.get $w.raw.at.1
      i32.load8_u offset=90
      local.get $w.raw.at.1
      i32.load8_u offset=91
      i32.const 8
      i32.shl
      i32.or
      i32.const 65535
      i32.and
      i32.extend16_s
      i32.const 13
      i32.shl
      local.tee $tmp.i32
      i32.const -1879056384
      i32.and
      f32.reinterpret_i32
      f32.const 5.192297e+33
      f32.mul
      i32.reinterpret_f32
      local.tee $tmp.i32.1
      i32.const 2139095040
      i32.or
      local.get $tmp.i32.1
      i32.const 260046848
      local.get $tmp.i32
      i32.const 268427264
      i32.and
      i32.le_s
      select
      f32.reinterpret_i32
      f32.store offset=20
      local.get $w.s.at
      local.get $w.raw.at.1
      i32.load8_u offset=162
      local.get $w.raw.at.1
      i32.load8_u offset=163
      i32.const 8
      i32.shl
      i32.or
      i32.const 65535
      i32.and
      i32.extend16_s
      i32.const 13
      i32.shl
      local.tee $tmp.i32
      i32.const -1879056384
      i32.and
      f32.reinterpret_i32
      f32.const 5.192297e+33
      f32.mul
      i32.reinterpret_f32
      local.tee $tmp.i32.1
      i32.const 2139095040
      i32.or
      local.get $tmp.i32.1
      i32.const 260046848
      local.get $tmp.i32
      i32.const 268427264
      i32.and
      i32.le_s
      select
      f32.reinterpret_i32
      f32.store offset=24
      local.get $w.s.at
      local.get $w.raw.at.1
      i32.load8_u offset=234
      local.get $w.raw.at.1
      i32.load8_u offset=235
      i32.const 8
      i32.shl
      i32.or
      i32.const 65535
      i32.and
      i32.extend16_s
      i32.const 13
      i32.shl
      local.tee $tmp.i32
      i32.const -1879056384
      i32.and
      f32.reinterpret_i32
      f32.const 5.192297e+33
      f32.mul
      i32.reinterpret_f32
      local.tee $tmp.i32.1
      i32.const 2139095040
      i32.or
      local.get $tmp.i32.1
      i32.const 260046848
      local.get $tmp.i32
      i32.const 268427264
      i32.and
      i32.le_s
      select
      f32.reinterpret_i32
      f32.store offset=28
      local.get $w.s.at
      local.get $w.raw.at.1
      i32.load8_u offset=36
      local.get $w.raw.at.1
      i32.load8_u offset=37
      i32.const 8
      i32.shl
      i32.or
      i32.const 65535
      i32.and
      i32.extend16_s
      i32.const 13
      i32.shl
      local.tee $tmp.i32
      i32.const -1879056384
      i32.and
      f32.reinterpret_i32
      f32.const 5.192297e+33
      f32.mul
      i32.reinterpret_f32
      local.tee $tmp.i32.1
      i32.const 2139095040
      i32.or
      local.get $tmp.i32.1
      i32.const 260046848
      local.get $tmp.i32
      i32.const 268427264
      i32.and
      i32.le_s
      select
      f32.reinterpret_i32
      f32.store offset=32
      local.get $w.s.at
      local.get $w.raw.at.1
      i32.load8_u offset=108
      local.get $w.raw.at.1
      i32.load8_u offset=109
      i32.const 8
      i32.shl
      i32.or
      i32.const 65535
      i32.and
      i32.extend16_s
      i32.const 13
      i32.shl
      local.tee $tmp.i32
      i32.const -1879056384
      i32.and
      f32.reinterpret_i32
      f32.const 5.192297e+33
      f32.mul
      i32.reinterpret_f32
      local.tee $tmp.i32.1
      i32.const 2139095040
      i32.or
      local.get $tmp.i32.1
      i32.const 260046848
      local.get $tmp.i32
      i32.const 268427264
      i32.and
      i32.le_s
      select
      f32.reinterpret_i32
      f32.store offset=36
      local.get $w.s.at
      local.get $w.raw.at.1
      i32.load8_u offset=180
      local.get $w.raw.at.1
      i32.load8_u offset=181
      i32.const 8
      i32.shl
      i32.or
      i32.const 65535
      i32.and
      i32.extend16_s
      i32.const 13
      i32.shl
      local.tee $tmp.i32
      i32.const -1879056384
      i32.and
      f32.reinterpret_i32
      f32.const 5.192297e+33
      f32.mul
      i32.reinterpret_f32
      local.tee $tmp.i32.1
      i32.const 2139095040
      i32.or
      local.get $tmp.i32.1
      i32.const 260046848
      local.get $tmp.i32
      i32.const 268427264
      i32.and
      i32.le_s
      select
      f32.reinterpret_i32
      f32.store offset=40
      local.get $w.s.at
      local.get $w.raw.at.1
      i32.load8_u offset=252
      local.get $w.raw.at.1
      i32.load8_u offset=253
      i32.const 8
      i32.shl
      i32.or
      i32.const 65535
      i32.and
      i32.extend16_s
      i32.const 13
      i32.shl
      local.tee $tmp.i32
      i32.const -1879056384
      i32.and
      f32.reinterpret_i32
      f32.const 5.192297e+33
      f32.mul
      i32.reinterpret_f32
      local.tee $tmp.i32.1
      i32.const 2139095040
      i32.or
      local.get $tmp.i32.1
      i32.const 260046848
      local.get $tmp.i32
      i32.const 268427264
      i32.and
      i32.le_s
      select
      f32.reinterpret_i32
      f32.store offset=44
      local.get $w.s.at
      local.get $w.raw.at.1
      i32.load8_u offset=54
      local.get $w.raw.at.1
      i32.load8_u offset=55
      i32.const 8
      i32.shl
      i32.or
      i32.const 65535
      i32.and
      i32.extend16_s
      i32.const 13
      i32.shl
      local.tee $tmp.i32
      i32.const -1879056384
      i32.and
      f32.reinterpret_i32
      f32.const 5.192297e+33
      f32.mul
      i32.reinterpret_f32
      local.tee $tmp.i32.1
      i32.const 2139095040
      i32.or
      local.get $tmp.i32.1
      i32.const 260046848
      local.get $tmp.i32
      i32.const 268427264
      i32.and
      i32.le_s
      select
      f32.reinterpret_i32
      f32.store offset=48
      local.get $w.s.at
      local.get $w.raw.at.1
      i32.load8_u offset=126
      local.get $w.raw.at.1
      i32.load8_u offset=127
      i32.const 8
      i32.shl
      i32.or
      i32.const 65535
      i32.and
      i32.extend16_s
      i32.const 13
      i32.shl
      local.tee $tmp.i32
      i32.const -1879056384
      i32.and
      f32.reinterpret_i32
      f32.const 5.192297e+33
      f32.mul
      i32.reinterpret_f32
      local.tee $tmp.i32.1
      i32.const 2139095040
      i32.or
      local.get $tmp.i32.1
      i32.const 260046848
      local.get $tmp.i32
      i32.const 268427264
      i32.and
      i32.le_s
      select
      f32.reinterpret_i32
      f32.store offset=52
      local.get $w.s.at
      local.get $w.raw.at.1
      i32.load8_u offset=198
      local.get $w.raw.at.1
      i32.load8_u offset=199
      i32.const 8
      i32.shl
      i32.or
      i32.const 65535
      i32.and
      i32.extend16_s
      i32.const 13
      i32.shl
      local.tee $tmp.i32
      i32.const -1879056384
      i32.and
      f32.reinterpret_i32
      f32.const 5.192297e+33
      f32.mul
      i32.reinterpret_f32
      local.tee $tmp.i32.1
      i32.const 2139095040
      i32.or
      local.get $tmp.i32.1
      i32.const 260046848
      local.get $tmp.i32
      i32.const 268427264
      i32.and
      i32.le_s
      select
      f32.reinterpret_i32
      f32.store offset=56
      local.get $w.s.at
      local.get $w.raw.at.1
      i32.load8_u offset=270
      local.get $w.raw.at.1
      i32.load8_u offset=271
      i32.const 8
      i32.shl
      i32.or
      i32.const 65535
      i32.and
      i32.extend16_s
      i32.const 13
      i32.shl
      local.tee $tmp.i32
      i32.const -1879056384
      i32.and
      f32.reinterpret_i32
      f32.const 5.192297e+33
      f32.mul
      i32.reinterpret_f32
      local.tee $tmp.i32.1
      i32.const 2139095040
      i32.or
      local.get $tmp.i32.1
      i32.const 260046848
      local.get $tmp.i32
      i32.const 268427264
      i32.and
      i32.le_s
      select
      f32.reinterpret_i32
      f32.store offset=60
      local.get $w.s.at
      i32.const 64
      i32.add
      local.set $w.s.at
      local.get $w.raw.at.1
      i32.const 288
      i32.add
      local.set $w.raw.at.1
      local.get $w.s/no
      i32.const 1
      i32.add
      local.tee $w.s/no
      i32.const 16
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
  (func $all/x.abs (param $&x.q i32) (param $&x.abs i32) (param $&x.sign i32) (param $begin i32) (param $end i32)
    (local $x.abs.at i32)
    (local $x.q.at i32)
    (local $x.sign.at i32)
    (local $x.abs/o i32)
    (local $x.q.1 v128)
    local.get $&x.abs
    local.set $x.abs.at
    local.get $&x.q
    local.set $x.q.at
    local.get $&x.sign
    local.set $x.sign.at
    i32.const 0
    local.set $x.abs/o
    loop $x.abs/o
      local.get $x.q.at
      v128.load align=1
      local.set $x.q.1
      local.get $x.abs.at
      local.get $x.q.1
      i8x16.abs
      v128.store align=1
      local.get $x.sign.at
      v128.const i8x16 255 255 255 255 255 255 255 255 255 255 255 255 255 255 255 255
      v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
      local.get $x.q.1
      v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
      i8x16.lt_s
      v128.bitselect
      v128.store align=1
      local.get $x.abs.at
      i32.const 16
      i32.add
      local.set $x.abs.at
      local.get $x.q.at
      i32.const 16
      i32.add
      local.set $x.q.at
      local.get $x.sign.at
      i32.const 16
      i32.add
      local.set $x.sign.at
      local.get $x.abs/o
      i32.const 1
      i32.add
      local.tee $x.abs/o
      i32.const 8
      i32.lt_s
      br_if $x.abs/o
    end
  )
  (func $all/x.fold (param $&x.q i32) (param $&x.fold i32) (param $begin i32) (param $end i32)
    (local $x.fold.lanes.sum.0 v128)
    (local $x.fold.lanes.sum.1 v128)
    (local $x.fold.lanes.0.0 v128)
    (local $x.fold.lanes.0.1 v128)
    (local $x.q.at i32)
    (local $x.fold/mo i32)
    (local $t i32)
    (local $t.1 i32)
    (local $x.fold/kg i32)
    (local $x.fold/kf i32)
    (local $x.q.1 v128)
    (local $tmp.v128 v128)
    (local $tmp.v128.1 v128)
    (local $x.fold.sum.1 i32)
    (local $x.fold.sum.2 i32)
    (local $x.fold.sum.3 i32)
    (local $x.fold.sum.4 i32)
    (local $x.fold.sum.5 i32)
    (local $x.fold.sum.6 i32)
    (local $x.fold.sum.7 i32)
    (local $x.fold.sum.8 i32)
    local.get $begin
    local.set $x.fold/mo
    local.get $x.fold/mo
    local.get $end
    i32.lt_s
    if
      loop $x.fold/mo
        local.get $x.fold/mo
        i32.const 128
        i32.mul
        local.set $t
        local.get $x.fold/mo
        i32.const 16
        i32.mul
        local.set $t.1
        i32.const 0
        local.set $x.fold/kg
        loop $x.fold/kg
          v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
          v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
          local.set $x.fold.lanes.sum.1
          local.set $x.fold.lanes.sum.0
          local.get $t
          local.get $&x.q
          local.get $x.fold/kg
          i32.const 32
          i32.mul
          i32.add
          i32.add
          local.set $x.q.at
          i32.const 0
          local.set $x.fold/kf
          loop $x.fold/kf
            local.get $x.q.at
            v128.load64_zero align=1
            local.set $x.q.1
            local.get $x.fold.lanes.sum.0
            local.get $x.q.1
            i16x8.extend_low_i8x16_s
            local.tee $tmp.v128
            i32x4.extend_low_i16x8_s
            v128.const i8x16 255 255 255 255 255 255 255 255 255 255 255 255 255 255 255 255
            i32x4.mul
            v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
            local.get $x.q.1
            v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
            i8x16.lt_s
            i16x8.extend_low_i8x16_s
            local.tee $tmp.v128.1
            i32x4.extend_low_i16x8_s
            v128.bitselect
            i32x4.add
            local.get $x.fold.lanes.sum.1
            local.get $tmp.v128
            i32x4.extend_high_i16x8_s
            v128.const i8x16 255 255 255 255 255 255 255 255 255 255 255 255 255 255 255 255
            i32x4.mul
            v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
            local.get $tmp.v128.1
            i32x4.extend_high_i16x8_s
            v128.bitselect
            i32x4.add
            local.set $x.fold.lanes.sum.1
            local.set $x.fold.lanes.sum.0
            local.get $x.q.at
            i32.const 8
            i32.add
            local.set $x.q.at
            local.get $x.fold/kf
            i32.const 1
            i32.add
            local.tee $x.fold/kf
            i32.const 4
            i32.lt_s
            br_if $x.fold/kf
          end
          local.get $x.fold.lanes.sum.0
          local.get $x.fold.lanes.sum.1
          local.set $x.fold.lanes.0.1
          local.set $x.fold.lanes.0.0
          local.get $x.fold.lanes.0.0
          i32x4.extract_lane 0
          local.set $x.fold.sum.1
          local.get $x.fold.sum.1
          local.get $x.fold.lanes.0.0
          i32x4.extract_lane 1
          i32.add
          local.set $x.fold.sum.2
          local.get $x.fold.sum.2
          local.get $x.fold.lanes.0.0
          i32x4.extract_lane 2
          i32.add
          local.set $x.fold.sum.3
          local.get $x.fold.sum.3
          local.get $x.fold.lanes.0.0
          i32x4.extract_lane 3
          i32.add
          local.set $x.fold.sum.4
          local.get $x.fold.sum.4
          local.get $x.fold.lanes.0.1
          i32x4.extract_lane 0
          i32.add
          local.set $x.fold.sum.5
          local.get $x.fold.sum.5
          local.get $x.fold.lanes.0.1
          i32x4.extract_lane 1
          i32.add
          local.set $x.fold.sum.6
          local.get $x.fold.sum.6
          local.get $x.fold.lanes.0.1
          i32x4.extract_lane 2
          i32.add
          local.set $x.fold.sum.7
          local.get $x.fold.sum.7
          local.get $x.fold.lanes.0.1
          i32x4.extract_lane 3
          i32.add
          local.set $x.fold.sum.8
          local.get $&x.fold
          local.get $t.1
          i32.add
          local.get $x.fold/kg
          i32.const 4
          i32.mul
          i32.add
          local.get $x.fold.sum.8
          i32.store
          local.get $x.fold/kg
          i32.const 1
          i32.add
          local.tee $x.fold/kg
          i32.const 4
          i32.lt_s
          br_if $x.fold/kg
        end
        local.get $x.fold/mo
        i32.const 1
        i32.add
        local.tee $x.fold/mo
        local.get $end
        i32.lt_s
        br_if $x.fold/mo
      end
    end
  )
  (func $all/main (param $&x.s i32) (param $&w.q i32) (param $&w.s i32) (param $&y i32) (param $&x.abs i32) (param $&x.sign i32) (param $&x.fold i32) (param $begin i32) (param $end i32)
    (local $acc.0 v128)
    (local $x.sign.at i32)
    (local $w.q.at i32)
    (local $x.abs.at i32)
    (local $x.fold.at i32)
    (local $w.s.at i32)
    (local $x.s.at i32)
    (local $np i32)
    (local $kg i32)
    (local $w.q.1 v128)
    (local $d16.0.1 v128)
    (local $const v128)
    (local $const.1 v128)
    (local $d.0.1 v128)
    (local $d16.0.2 v128)
    (local $d.0.2 v128)
    (local $w.q.2 v128)
    (local $d16.0.3 v128)
    (local $d.0.3 v128)
    (local $d16.0.4 v128)
    (local $d.0.4 v128)
    (local $w.q.3 v128)
    (local $d16.0.5 v128)
    (local $d.0.5 v128)
    (local $d16.0.6 v128)
    (local $d.0.6 v128)
    (local $w.q.4 v128)
    (local $d16.0.7 v128)
    (local $d.0.7 v128)
    (local $d16.0.8 v128)
    (local $d.0.8 v128)
    v128.const i8x16 129 152 173 191 207 221 234 246 1 13 25 38 53 69 89 113
    local.set $const
    v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15
    local.set $const.1
    local.get $begin
    local.set $np
    local.get $np
    local.get $end
    i32.lt_s
    if
      loop $np
        v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
        local.set $acc.0
        local.get $&x.sign
        local.set $x.sign.at
        local.get $&w.q
        local.get $np
        i32.const 256
        i32.mul
        i32.add
        local.set $w.q.at
        local.get $&x.abs
        local.set $x.abs.at
        local.get $&x.fold
        local.set $x.fold.at
        local.get $&w.s
        local.get $np
        i32.const 64
        i32.mul
        i32.add
        local.set $w.s.at
        local.get $&x.s
        local.set $x.s.at
        i32.const 0
        local.set $kg
        loop $kg
          local.get $w.q.at
          v128.load align=1
          local.set $w.q.1
          local.get $x.sign.at
          v128.load32_splat align=1
          local.get $const
          local.get $w.q.1
          local.get $const.1
          v128.and
          i8x16.relaxed_swizzle
          v128.xor
          local.get $x.abs.at
          v128.load32_splat align=1
          i16x8.relaxed_dot_i8x16_i7x16_s
          local.set $d16.0.1
          local.get $d16.0.1
          i32x4.extadd_pairwise_i16x8_s
          local.set $d.0.1
          local.get $x.sign.at
          v128.load32_splat offset=4 align=1
          local.get $const
          local.get $w.q.1
          i32.const 4
          i16x8.shr_u
          local.get $const.1
          v128.and
          i8x16.relaxed_swizzle
          v128.xor
          local.get $x.abs.at
          v128.load32_splat offset=4 align=1
          i16x8.relaxed_dot_i8x16_i7x16_s
          local.set $d16.0.2
          local.get $d.0.1
          local.get $d16.0.2
          i32x4.extadd_pairwise_i16x8_s
          i32x4.add
          local.set $d.0.2
          local.get $w.q.at
          v128.load offset=16 align=1
          local.set $w.q.2
          local.get $x.sign.at
          v128.load32_splat offset=8 align=1
          local.get $const
          local.get $w.q.2
          local.get $const.1
          v128.and
          i8x16.relaxed_swizzle
          v128.xor
          local.get $x.abs.at
          v128.load32_splat offset=8 align=1
          i16x8.relaxed_dot_i8x16_i7x16_s
          local.set $d16.0.3
          local.get $d.0.2
          local.get $d16.0.3
          i32x4.extadd_pairwise_i16x8_s
          i32x4.add
          local.set $d.0.3
          local.get $x.sign.at
          v128.load32_splat offset=12 align=1
          local.get $const
          local.get $w.q.2
          i32.const 4
          i16x8.shr_u
          local.get $const.1
          v128.and
          i8x16.relaxed_swizzle
          v128.xor
          local.get $x.abs.at
          v128.load32_splat offset=12 align=1
          i16x8.relaxed_dot_i8x16_i7x16_s
          local.set $d16.0.4
          local.get $d.0.3
          local.get $d16.0.4
          i32x4.extadd_pairwise_i16x8_s
          i32x4.add
          local.set $d.0.4
          local.get $w.q.at
          v128.load offset=32 align=1
          local.set $w.q.3
          local.get $x.sign.at
          v128.load32_splat offset=16 align=1
          local.get $const
          local.get $w.q.3
          local.get $const.1
          v128.and
          i8x16.relaxed_swizzle
          v128.xor
          local.get $x.abs.at
          v128.load32_splat offset=16 align=1
          i16x8.relaxed_dot_i8x16_i7x16_s
          local.set $d16.0.5
          local.get $d.0.4
          local.get $d16.0.5
          i32x4.extadd_pairwise_i16x8_s
          i32x4.add
          local.set $d.0.5
          local.get $x.sign.at
          v128.load32_splat offset=20 align=1
          local.get $const
          local.get $w.q.3
          i32.const 4
          i16x8.shr_u
          local.get $const.1
          v128.and
          i8x16.relaxed_swizzle
          v128.xor
          local.get $x.abs.at
          v128.load32_splat offset=20 align=1
          i16x8.relaxed_dot_i8x16_i7x16_s
          local.set $d16.0.6
          local.get $d.0.5
          local.get $d16.0.6
          i32x4.extadd_pairwise_i16x8_s
          i32x4.add
          local.set $d.0.6
          local.get $w.q.at
          v128.load offset=48 align=1
          local.set $w.q.4
          local.get $x.sign.at
          v128.load32_splat offset=24 align=1
          local.get $const
          local.get $w.q.4
          local.get $const.1
          v128.and
          i8x16.relaxed_swizzle
          v128.xor
          local.get $x.abs.at
          v128.load32_splat offset=24 align=1
          i16x8.relaxed_dot_i8x16_i7x16_s
          local.set $d16.0.7
          local.get $d.0.6
          local.get $d16.0.7
          i32x4.extadd_pairwise_i16x8_s
          i32x4.add
          local.set $d.0.7
          local.get $x.sign.at
          v128.load32_splat offset=28 align=1
          local.get $const
          local.get $w.q.4
          i32.const 4
          i16x8.shr_u
          local.get $const.1
          v128.and
          i8x16.relaxed_swizzle
          v128.xor
          local.get $x.abs.at
          v128.load32_splat offset=28 align=1
          i16x8.relaxed_dot_i8x16_i7x16_s
          local.set $d16.0.8
          local.get $d.0.7
          local.get $d16.0.8
          i32x4.extadd_pairwise_i16x8_s
          i32x4.add
          local.set $d.0.8
          local.get $d.0.8
          local.get $x.fold.at
          v128.load32_splat
          i32x4.add
          f32x4.convert_i32x4_s
          local.get $w.s.at
          v128.load align=4
          local.get $x.s.at
          v128.load32_splat
          f32x4.mul
          local.get $acc.0
          f32x4.relaxed_madd
          local.set $acc.0
          local.get $x.sign.at
          i32.const 32
          i32.add
          local.set $x.sign.at
          local.get $w.q.at
          i32.const 64
          i32.add
          local.set $w.q.at
          local.get $x.abs.at
          i32.const 32
          i32.add
          local.set $x.abs.at
          local.get $x.fold.at
          i32.const 4
          i32.add
          local.set $x.fold.at
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
        local.get $&y
        local.get $np
        i32.const 16
        i32.mul
        i32.add
        local.get $acc.0
        v128.store align=4
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
  (export "all/x.abs" (func $all/x.abs))
  (export "all/x.fold" (func $all/x.fold))
  (export "all/main" (func $all/main))
)
