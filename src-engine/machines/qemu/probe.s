# What an accelerator must be able to do before it is trusted with a guest: real and protected mode in turn, then long mode.
# A ROM of 64 KiB at the end of the first MiB; it says on the serial port how far it came. `as --64`, `ld -Ttext 0 --oformat binary`.
    .intel_syntax noprefix
    .code16
    .org 0
start:
    cli
    cld
    mov ax, cs
    mov ds, ax
    xor ax, ax
    mov ss, ax
    mov sp, 0x7000
    mov al, 'R'
    call put16
    # protected mode and back, three times: boot loaders do it for every call of the firmware
    mov bx, 3
again:
    lgdt [gdtr]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    .byte 0x66, 0xea
    .long 0xf0000 + p32
    .word 0x08
    .code32
p32:
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov dx, 0x3f8
    mov al, 'P'
    out dx, al
    dec bx
    jz long_mode
    # back
    .byte 0xea
    .long p16
    .word 0x20
    .code16
p16:
    mov eax, cr0
    and al, 0xfe
    mov cr0, eax
    .byte 0xea
    .word r16, 0xf000
r16:
    mov ax, cs
    mov ds, ax
    xor ax, ax
    mov ss, ax
    mov sp, 0x7000
    mov al, 'r'
    call put16
    jmp again
put16:
    mov dx, 0x3f8
    out dx, al
    ret
    .code32
long_mode:
    mov esp, 0x7000
    # page tables at 0x1000: the first GiB by 2 MiB pages
    mov edi, 0x1000
    xor eax, eax
    mov ecx, 0x1000
    rep stosd
    mov dword ptr [0x1000], 0x2003
    mov dword ptr [0x2000], 0x3003
    mov edi, 0x3000
    mov eax, 0x83
    mov ecx, 512
1:  mov [edi], eax
    add eax, 0x200000
    add edi, 8
    loop 1b
    mov eax, cr4
    or eax, 0x20
    mov cr4, eax
    mov eax, 0x1000
    mov cr3, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x100
    wrmsr
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    .byte 0xea
    .long 0xf0000 + l64
    .word 0x18
    .code64
l64:
    mov dx, 0x3f8
    mov al, 'L'
    out dx, al
1:  hlt
    jmp 1b
    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9a000000ffff
    .quad 0x00cf92000000ffff
    .quad 0x00af9a000000ffff
    .word 0xffff, 0x0000, 0x9a0f, 0x0000
gdtr:
    .word 5*8-1
    .long 0xf0000 + gdt
