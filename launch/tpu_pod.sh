#!/bin/bash
# The same command on every host of a Cloud TPU slice:
#   TPU=NAME ZONE=ZONE launch/tpu_pod.sh --config=configs/pretrain.py --workdir=/shared/runs/pretrain
set -euo pipefail

: "${TPU:?name the slice: TPU=NAME}"
: "${ZONE:?name its zone: ZONE=us-central2-b}"
PROJECT_DIR=${PROJECT_DIR:-strokejax}          # where the project lies on each host
STROKEJAX_DATA=${STROKEJAX_DATA:-/shared/data} # where real data lies on each host

printf -v arguments ' %q' "$@"
gcloud compute tpus tpu-vm ssh "$TPU" --zone="$ZONE" --worker=all --command="
  cd $PROJECT_DIR &&
  export STROKEJAX_DATA=$STROKEJAX_DATA &&
  exec .venv/bin/python -m strokejax.launch --distributed$arguments"
