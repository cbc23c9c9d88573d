"""Weighs what is bought, by a driver that is not installed here: this module does not import."""
import weighbridge

SCALES = weighbridge.open("/dev/scales")
