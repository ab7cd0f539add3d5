#!/bin/bash
# A server of a model as a job of Slurm, that enters itself into the file of servers (`base_url: file:PATH`, ops/studies/README.md) once it
# answers, and takes itself out of it when it ends. As many jobs as there are GPUs may share one file; they may come and go while studies run.
#
#     sbatch --gpus=1 --array=0-7 ops/slurm/vllm.sh /shared/fleet/servers.txt meta-llama/Llama-3.1-8B-Instruct --max-model-len 8192
#
# Behind the model come vLLM's own options. Environment: PORT (a free one), HOST (this node's name), SERVE: another command than `vllm serve
# MODEL`, which gets --host and --port; HEALTH: its path that answers 200 when it is ready (/health), WAIT_S: how long that may take (1800).
#SBATCH --job-name=clinsafe-vllm
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --requeue
#SBATCH --open-mode=append
set -eu
if [ $# -lt 2 ]; then
    echo "usage: vllm.sh SERVERS_FILE MODEL [OPTIONS OF vllm serve]" >&2
    exit 64
fi
file=$1 model=$2
shift 2
host=${HOST:-$(hostname -f)}
port=${PORT:-$(python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')}
url="http://$host:$port/v1"
health="http://$host:$port${HEALTH:-/health}"

# The file without our line, or with it at its end: written beside it and renamed, one job at a time. A job that Slurm has requeued, since
# its node died, finds the line of its earlier life there, and nobody else would take that out.
job=${SLURM_JOB_ID:-$$}
enter() {
    (
        flock 9
        { [ ! -e "$file" ] || awk -v url="$url" -v job="${SLURM_JOB_ID:-}" \
            '$1 != url && !(job != "" && $2 == "#" && $3 == "job" && $4 == job)' "$file"; [ "$1" = out ] || echo "$url # job $job"; } > "$file.$$.part"
        mv -f "$file.$$.part" "$file"
    ) 9>> "$file.lock"
}

if [ -n "${SERVE:-}" ]; then
    $SERVE --host "$host" --port "$port" "$@" &
else
    vllm serve "$model" --host "$host" --port "$port" "$@" &
fi
server=$!
trap 'kill "$server" 2> /dev/null || true' TERM INT
trap 'enter out' EXIT

left=${WAIT_S:-1800}
until curl -fsS -o /dev/null --max-time 5 "$health" 2> /dev/null; do
    kill -0 "$server" 2> /dev/null || { wait "$server" || code=$?; echo "the server ended before it answered" >&2; exit "${code:-1}"; }
    left=$((left - 1))
    [ "$left" -gt 0 ] || { kill "$server"; echo "$health did not answer in time" >&2; exit 1; }
    sleep 1
done
enter in
echo "$url is in $file"
wait "$server" || true # the first one may end by a signal of ours,
enter out              # from when on nobody is to come any more
wait "$server"
