# For Packer 1.10 and later, which brings no builder of its own: `packer init` fetches this one.
# Packer before 1.7 does not know the block; `b2ct image build --engine packer` leaves it out there.
packer {
  required_plugins {
    qemu = {
      version = ">= 1.1.0"
      source  = "github.com/hashicorp/qemu"
    }
  }
}
