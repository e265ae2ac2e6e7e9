;; workload {"op":"matmul","m":1,"n":64,"k":128,"w":"int4_g32","bias":false,"numerics":{"compute":"f32"}}
;; features relaxed-simd
;; M 1..1: f32-decode {"vectors":1,"tile":1,"rows":1,"panel":1}
(module
  (import "env" "memory" (memory $memory 0))
  (func $pack (param $&w.codes i32) (param $&w.scales i32) (param $&w.q i32) (param $&w.s i32) (param $begin i32) (param $end i32)
    (local $w.q.at i32)
    (local $w.codes.at i32)
    (local $w.s.at i32)
    (local $w.scales.at i32)
    (local $w.q/no i32)
    (local $t i32)
    (local $w.q/kb i32)
    (local $w.q/nl i32)
    (local $w.codes.1 i32)
    (local $w.codes.2 i32)
    (local $w.codes.3 i32)
    (local $w.codes.4 i32)
    (local $w.s/no i32)
    i32.const 0
    local.set $w.q/no
    loop $w.q/no
      local.get $w.q/no
      i32.const 256
      i32.mul
      local.set $t
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
        local.get $t
        local.get $&w.codes
        local.get $w.q/kb
        i32.const 4
        i32.mul
        i32.add
        i32.add
        local.set $w.codes.at
        i32.const 0
        local.set $w.q/nl
        loop $w.q/nl
          local.get $w.codes.at
          i32.load8_u
          local.set $w.codes.1
          local.get $w.q.at
          local.get $w.codes.1
          i32.const 4
          i32.shr_s
          i32.const 4
          i32.shl
          local.get $w.codes.1
          i32.const 15
          i32.and
          i32.or
          i32.store8
          local.get $w.codes.at
          i32.load8_u offset=1
          local.set $w.codes.2
          local.get $w.q.at
          local.get $w.codes.2
          i32.const 4
          i32.shr_s
          i32.const 4
          i32.shl
          local.get $w.codes.2
          i32.const 15
          i32.and
          i32.or
          i32.store8 offset=1
          local.get $w.codes.at
          i32.load8_u offset=2
          local.set $w.codes.3
          local.get $w.q.at
          local.get $w.codes.3
          i32.const 4
          i32.shr_s
          i32.const 4
          i32.shl
          local.get $w.codes.3
          i32.const 15
          i32.and
          i32.or
          i32.store8 offset=2
          local.get $w.codes.at
          i32.load8_u offset=3
          local.set $w.codes.4
          local.get $w.q.at
          local.get $w.codes.4
          i32.const 4
          i32.shr_s
          i32.const 4
          i32.shl
          local.get $w.codes.4
          i32.const 15
          i32.and
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
    local.get $&w.scales
    local.set $w.scales.at
    i32.const 0
    local.set $w.s/no
    loop $w.s/no
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
      f32.load offset=4
      f32.store offset=16
      local.get $w.s.at
      local.get $w.scales.at
      f32.load offset=20
      f32.store offset=20
      local.get $w.s.at
      local.get $w.scales.at
      f32.load offset=36
      f32.store offset=24
      local.get $w.s.at
      local.get $w.scales.at
      f32.load offset=52
      f32.store offset=28
      local.get $w.s.at
      local.get $w.scales.at
      f32.load offset=8
      f32.store offset=32
      local.get $w.s.at
      local.get $w.scales.at
      f32.load offset=24
      f32.store offset=36
      local.get $w.s.at
      local.get $w.scales.at
      f32.load offset=40
      f32.store offset=40
      local.get $w.s.at
      local.get $w.scales.at
      f32.load offset=56
      f32.store offset=44
      local.get $w.s.at
      local.get $w.scales.at
      f32.load offset=12
      f32.store offset=48
      local.get $w.s.at
      local.get $w.scales.at
      f32.load offset=28
      f32.store offset=52
      local.get $w.s.at
      local.get $w.scales.at
      f32.load offset=44
      f32.store offset=56
      local.get $w.s.at
      local.get $w.scales.at
      f32.load offset=60
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
      i32.const 16
      i32.lt_s
      br_if $w.s/no
    end
  )
  (func $all/main (param $&x i32) (param $&w.q i32) (param $&w.s i32) (param $&y i32) (param $begin i32) (param $end i32)
    (local $acc.0 v128)
    (local $d.0 v128)
    (local $x.at i32)
    (local $w.q.at i32)
    (local $np i32)
    (local $t i32)
    (local $t.1 i32)
    (local $kg i32)
    (local $kj i32)
    (local $w.q.1 v128)
    (local $d.0.1 v128)
    (local $const v128)
    (local $const.1 v128)
    (local $d.0.2 v128)
    (local $d.0.3 v128)
    (local $d.0.4 v128)
    (local $d.0.5 v128)
    (local $d.0.6 v128)
    (local $d.0.7 v128)
    v128.const i32x4 15 15 15 15
    local.set $const
    v128.const i32x4 -8 -8 -8 -8
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
        local.get $np
        i32.const 256
        i32.mul
        local.set $t
        local.get $np
        i32.const 64
        i32.mul
        local.set $t.1
        i32.const 0
        local.set $kg
        loop $kg
          v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
          local.set $d.0
          local.get $&x
          local.get $kg
          i32.const 128
          i32.mul
          i32.add
          local.set $x.at
          local.get $t
          local.get $&w.q
          local.get $kg
          i32.const 64
          i32.mul
          i32.add
          i32.add
          local.set $w.q.at
          i32.const 0
          local.set $kj
          loop $kj
            local.get $w.q.at
            v128.load align=4
            local.set $w.q.1
            local.get $x.at
            v128.load32_splat
            local.get $w.q.1
            local.get $const
            v128.and
            local.get $const.1
            i32x4.add
            f32x4.convert_i32x4_s
            local.get $d.0
            f32x4.relaxed_madd
            local.set $d.0.1
            local.get $x.at
            v128.load32_splat offset=4
            local.get $w.q.1
            i32.const 4
            i32x4.shr_u
            local.get $const
            v128.and
            local.get $const.1
            i32x4.add
            f32x4.convert_i32x4_s
            local.get $d.0.1
            f32x4.relaxed_madd
            local.set $d.0.2
            local.get $x.at
            v128.load32_splat offset=8
            local.get $w.q.1
            i32.const 8
            i32x4.shr_u
            local.get $const
            v128.and
            local.get $const.1
            i32x4.add
            f32x4.convert_i32x4_s
            local.get $d.0.2
            f32x4.relaxed_madd
            local.set $d.0.3
            local.get $x.at
            v128.load32_splat offset=12
            local.get $w.q.1
            i32.const 12
            i32x4.shr_u
            local.get $const
            v128.and
            local.get $const.1
            i32x4.add
            f32x4.convert_i32x4_s
            local.get $d.0.3
            f32x4.relaxed_madd
            local.set $d.0.4
            local.get $x.at
            v128.load32_splat offset=16
            local.get $w.q.1
            i32.const 16
            i32x4.shr_u
            local.get $const
            v128.and
            local.get $const.1
            i32x4.add
            f32x4.convert_i32x4_s
            local.get $d.0.4
            f32x4.relaxed_madd
            local.set $d.0.5
            local.get $x.at
            v128.load32_splat offset=20
            local.get $w.q.1
            i32.const 20
            i32x4.shr_u
            local.get $const
            v128.and
            local.get $const.1
            i32x4.add
            f32x4.convert_i32x4_s
            local.get $d.0.5
            f32x4.relaxed_madd
            local.set $d.0.6
            local.get $x.at
            v128.load32_splat offset=24
            local.get $w.q.1
            i32.const 24
            i32x4.shr_u
            local.get $const
            v128.and
            local.get $const.1
            i32x4.add
            f32x4.convert_i32x4_s
            local.get $d.0.6
            f32x4.relaxed_madd
            local.set $d.0.7
            local.get $x.at
            v128.load32_splat offset=28
            local.get $w.q.1
            i32.const 28
            i32x4.shr_u
            local.get $const.1
            i32x4.add
            f32x4.convert_i32x4_s
            local.get $d.0.7
            f32x4.relaxed_madd
            local.set $d.0
            local.get $x.at
            i32.const 32
            i32.add
            local.set $x.at
            local.get $w.q.at
            i32.const 16
            i32.add
            local.set $w.q.at
            local.get $kj
            i32.const 1
            i32.add
            local.tee $kj
            i32.const 4
            i32.lt_s
            br_if $kj
          end
          local.get $d.0
          local.get $&w.s
          local.get $t.1
          i32.add
          local.get $kg
          i32.const 16
          i32.mul
          i32.add
          v128.load align=4
          local.get $acc.0
          f32x4.relaxed_madd
          local.set $acc.0
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
  (export "all/main" (func $all/main))
)
