# What scripts run all day: many short processes, pipes, archives.
set -e
seq 1 40000 | awk '{ print $1 * 7919 % 40009, "line", $1 }' > lines
sort -n lines | sha256sum
sort -k3,3r --parallel=2 -S 1M lines | sha256sum
sed -E 's/([0-9]+) line ([0-9]+)/\2:\1/' lines | grep -c ':1[0-9]*$'
tr ' ' '\n' < lines | sort | uniq -c | sort -rn | head -3
mkdir tree
for i in 1 2 3 4 5 6 7 8; do mkdir "tree/$i"; split -n "l/$i" lines "tree/$i/part."; done
find tree -type f | sort | xargs sha256sum | sha256sum
tar --sort=name --owner=0 --group=0 --mtime=@0 -cf tree.tar tree
sha256sum < tree.tar
gzip -9n < tree.tar | gzip -d | cmp - tree.tar && echo same
xz -T2 -1 < tree.tar | xz -d | cmp - tree.tar && echo same
bash -c 'declare -A seen; while read -r a b c; do seen[$a]=$c; done < lines; echo ${#seen[@]}'
date -u -d @86400 +%F
ls -R tree | wc -l
