# A repository with branches, a merge, a conflict, packing and checks.
set -e
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.invalid GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.invalid
export GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat
at=1000000000
commit() {
  at=$((at + 60))
  GIT_AUTHOR_DATE="@$at +0000" GIT_COMMITTER_DATE="@$at +0000" git commit -q "$@"
}
git init -q -b main repo
cd repo
for round in 1 2 3 4 5 6 7 8 9 10 11 12; do
  for file in 1 2 3 4 5 6 7 8 9 10; do
    seq $((round * file)) $((round * file + 400)) | awk -v r=$round '{ print r, $1 * 31 % 97, "text of a line" }' > "file$file"
  done
  git add -A
  commit -m "round $round"
done
git checkout -q -b side HEAD~4
seq 1 300 > file1
git add -A
commit -m "side"
git checkout -q main
git merge side > merged 2>&1 || true
sed 's/[0-9a-f]\{7,\}/ID/g' merged
git checkout -q --ours file1
rm merged
git add -A
commit -m "merged"
git log --graph --stat --format='%H %s' | sha256sum
git diff HEAD~3 -- file2 | sha256sum
git blame -s file3 | sha256sum
git grep -c text | head -3
git repack -q -a -d -f --depth=20 --window=20
git fsck --full --strict 2>&1
git rev-list --objects --all | wc -l
git clone -q . ../clone
git -C ../clone log --oneline | wc -l
git -C ../clone archive HEAD | sha256sum
git bisect start HEAD HEAD~10 > /dev/null
git bisect run sh -c 'test "$(head -1 file5 | cut -d" " -f1)" -lt 7' | grep 'is the first bad commit' | wc -l
