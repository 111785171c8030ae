# Compilers: what they write must be the same, byte for byte, and what they wrote must run.
set -e
sources=$1
cp "$sources"/single.c "$sources"/common.h "$sources"/programs/containers.cc .
gcc -O2 -g "-fdebug-prefix-map=$PWD=." -std=gnu11 -c single.c -o single.o
gcc -O3 -S -std=gnu11 single.c -o single.s
g++ -O2 -std=c++17 -c containers.cc -o containers.o
sha256sum single.o single.s containers.o
gcc -O2 -flto -std=gnu11 single.c -o single
g++ containers.o -pthread -o containers
./single trees
./single zeroed
./containers
ar rcs archive.a single.o
nm archive.a | wc -l
objdump -d single.o | sha256sum
