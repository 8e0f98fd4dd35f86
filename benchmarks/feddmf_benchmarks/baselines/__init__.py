"""What FedDMF is held against: the way it is usually written."""
