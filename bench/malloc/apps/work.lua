-- Tables, closures and strings, as a script has them.
local state = 1
local function draw(n)
  state = (state * 1103515245 + 12345) % 2147483648
  return state % n
end

local function tree(depth)
  if depth == 0 then return {} end
  return { tree(depth - 1), tree(depth - 1) }
end
local function nodes(t)
  if not t[1] then return 1 end
  return 1 + nodes(t[1]) + nodes(t[2])
end

local sum = 0
for round = 1, 60 do sum = sum + nodes(tree(14)) end
local words, counts = {}, {}
for i = 1, 300000 do
  local word = "word" .. draw(20000)
  words[#words + 1] = word
  counts[word] = (counts[word] or 0) + 1
end
table.sort(words)
local closures = {}
for i = 1, 200000 do closures[i % 5000 + 1] = function() return i end end
for _, f in ipairs(closures) do sum = sum + f() end
local lines = {}
for i = 1, #words, 10 do lines[#lines + 1] = table.concat(words, ",", i, math.min(i + 9, #words)) end
local all = table.concat(lines, "\n"):gsub("word(%d+)", "<%1>")
print(sum, #all, counts.word7)
