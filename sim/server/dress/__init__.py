"""Any OpenDRIVE map as a world to look at: streets, what stands beside them, and the ground."""
