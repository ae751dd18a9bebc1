"""An image file becomes an image in OpenNebula, and the VM template that starts from it.

`survey` looks, `plan` decides (pure), `run` does it. All of it may be run again at any time, also
by several at once: what is there with the same content is used, and nothing is made twice.
"""
