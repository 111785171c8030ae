# Hashes, strings and records, as a script has them.
use strict;
use warnings;

my $state = 1;
sub draw { $state = ($state * 1103515245 + 12345) % 2147483648; return $state % $_[0]; }

my %count;
my @lines;
for my $i (1 .. 40000) {
    my $line = join ' ', map { 'word' . draw(5000) } 1 .. 9;
    $count{$_}++ for split / /, $line;
    push @lines, { number => $i, text => $line, parts => [ map { length } split /o/, $line ] };
}
my $joined = join "\n", map { "$_->{number}: $_->{text}" } sort { $a->{text} cmp $b->{text} } @lines;
(my $changed = $joined) =~ s/word(\d+)/<$1>/g;
my %by_length;
push @{ $by_length{ length $_->{text} } }, $_ for @lines;
my $sum = 0;
$sum += @{ $by_length{$_} } * $_ for sort keys %by_length;
for my $round (1 .. 40) {
    my @copy = map { [ $_->{number}, reverse @{ $_->{parts} } ] } @lines[ 0 .. 5999 ];
    $sum += @copy + $copy[$round][0];
}
print scalar(keys %count), ' ', length $joined, ' ', length $changed, " $sum\n";
