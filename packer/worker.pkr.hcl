# A worker image built inside a VM, for those who want or have to: `b2ct image build --engine packer`
# fills in the variables and runs it. Works with Packer 1.6.6 (Debian 12) and with current Packer,
# for which plugins.pkr.hcl lies beside it.
#
# The VM runs the same provision.sh, with the same bytes, as the default engine. It starts either
# from the distribution's cloud image (source `cloud`) or from an installer ISO and a kickstart
# (source `netinstall`); -only= chooses.

variable "name" {
  type        = string
  description = "Name of the image."
}

variable "folder" {
  type        = string
  description = "Folder with bundle.tar, key and http/."
}

variable "output" {
  type        = string
  description = "Folder that Packer makes for the disk."
}

variable "base" {
  type        = string
  description = "Cloud image (QCOW2) or installer ISO: a path or a URL."
}

variable "base_checksum" {
  type        = string
  description = "Its checksum, such as sha256:HEX; `none` for a file that was checked already."
}

variable "disk_size" {
  type        = string
  description = "Virtual size, such as 8192M."
}

variable "qemu" {
  type    = string
  default = "qemu-system-x86_64"
}

variable "accelerator" {
  type        = string
  default     = "kvm"
  description = "`kvm`, or `tcg` for emulation."
}

variable "cpu" {
  type    = string
  default = "max"
}

variable "memory" {
  type        = number
  default     = 2048
  description = "MiB."
}

variable "cpus" {
  type    = number
  default = 2
}

variable "ssh_timeout" {
  type    = string
  default = "30m"
}

variable "environment" {
  type        = list(string)
  default     = []
  sensitive   = true
  description = "Of the scripts in the VM, such as http_proxy=http://proxy.example.org:3128."
}

variable "boot_command" {
  type        = list(string)
  description = "What is typed at the installer's boot menu; source `netinstall` only."
  default = [
    "<up><wait><tab> inst.ks=http://{{ .HTTPIP }}:{{ .HTTPPort }}/worker.ks inst.text console=ttyS0<enter>"
  ]
}

locals {
  # No user but root, whose key lives as long as this build. The last word to the VM is sysprep.
  shutdown = "rm -rf /root/.ssh/authorized_keys; sh /var/tmp/b2ct/provision.sh --only-sysprep --poweroff"
}

source "qemu" "cloud" {
  vm_name          = "disk.qcow2"
  output_directory = var.output
  iso_url          = var.base
  iso_checksum     = var.base_checksum
  disk_image       = true
  disk_size        = var.disk_size
  format           = "qcow2"
  disk_interface   = "virtio"
  disk_discard     = "unmap"
  net_device       = "virtio-net"
  qemu_binary      = var.qemu
  accelerator      = var.accelerator
  memory           = var.memory
  cpus             = var.cpus
  headless         = true
  http_directory   = "${var.folder}/http"
  # The seed: cloud-init reads its address from the serial number of the machine.
  qemuargs = [
    ["-cpu", var.cpu],
    ["-smbios", "type=1,serial=ds=nocloud-net;s=http://10.0.2.2:{{ .HTTPPort }}/"],
    ["-serial", "file:${var.folder}/console.log"]
  ]
  communicator         = "ssh"
  ssh_username         = "root"
  ssh_private_key_file = "${var.folder}/key"
  ssh_timeout          = var.ssh_timeout
  shutdown_command     = local.shutdown
  shutdown_timeout     = "15m"
}

source "qemu" "netinstall" {
  vm_name          = "disk.qcow2"
  output_directory = var.output
  iso_url          = var.base
  iso_checksum     = var.base_checksum
  disk_size        = var.disk_size
  format           = "qcow2"
  disk_interface   = "virtio"
  disk_discard     = "unmap"
  net_device       = "virtio-net"
  qemu_binary      = var.qemu
  accelerator      = var.accelerator
  memory           = var.memory
  cpus             = var.cpus
  headless         = true
  http_directory   = "${var.folder}/http"
  boot_wait        = "5s"
  boot_command     = var.boot_command
  qemuargs = [
    ["-cpu", var.cpu],
    ["-serial", "file:${var.folder}/console.log"]
  ]
  communicator         = "ssh"
  ssh_username         = "root"
  ssh_private_key_file = "${var.folder}/key"
  ssh_timeout          = var.ssh_timeout
  shutdown_command     = local.shutdown
  shutdown_timeout     = "15m"
}

build {
  sources = ["source.qemu.cloud", "source.qemu.netinstall"]

  provisioner "shell" {
    # A first boot that is still at work would fight over the package database.
    inline = [
      "if command -v cloud-init >/dev/null; then cloud-init status --wait >/dev/null || true; fi",
      "mkdir -p /var/tmp/b2ct"
    ]
  }

  provisioner "file" {
    source      = "${var.folder}/bundle.tar"
    destination = "/var/tmp/b2ct.tar"
  }

  provisioner "shell" {
    environment_vars = var.environment
    inline = [
      "tar -xf /var/tmp/b2ct.tar -C /var/tmp/b2ct && rm /var/tmp/b2ct.tar",
      "sh /var/tmp/b2ct/provision.sh --no-sysprep",
      # For the manifest: the package database, as it is outside the VM in the other engine.
      "cd / && tar -cf /var/tmp/database.tar $(ls -d var/lib/dpkg/status var/lib/rpm usr/lib/sysimage/rpm 2>/dev/null)"
    ]
  }

  provisioner "file" {
    direction   = "download"
    source      = "/var/tmp/database.tar"
    destination = "${var.folder}/database.tar"
  }

  provisioner "shell" {
    # What is free is given back, so that it is not in the image.
    inline = ["rm /var/tmp/database.tar", "fstrim -a || true"]
  }
}
