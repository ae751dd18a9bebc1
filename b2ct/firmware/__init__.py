"""How a PC starts, on the host's own parts: QEMU with SeaBIOS or OVMF, and GRUB's images."""
