"""Speed and memory of FedDMF against named baselines, as ratios measured in one run."""
