# Records, closures, patterns, sorting, and processes.
use strict;
use warnings;

my %tree;
for my $i (1 .. 30000) {
    my $node = \%tree;
    $node = $node->{ $_ } //= {} for split //, sprintf '%x', $i * 7919 % 65536;
    $node->{leaf} .= "$i,";
}
sub depth { my ($node) = @_; my $deepest = 0; for (values %$node) { next unless ref; my $d = depth($_); $deepest = $d if $d > $deepest } return 1 + $deepest }
print depth(\%tree), "\n";

my @counters = map { my $n = $_; sub { return $n += shift } } 1 .. 1000;
my $sum = 0;
$sum += $counters[ $_ % 1000 ]->($_ % 17) for 1 .. 100000;
print "$sum\n";

my $text = join ' ', map { "key$_=" . 'x' x ($_ % 50) } 1 .. 5000;
my %found = $text =~ /key(\d+)=(x*)/g;
print scalar(keys %found), ' ', length(join '', map { $found{$_} } sort { $a <=> $b } keys %found), "\n";
(my $other = $text) =~ s/(\w+)=(x{10,20})\b/reverse($1) . length $2/ge;
print length $other, "\n";

my @children;
for my $child (1 .. 8) {
    pipe my $read, my $write or die;
    my $id = fork // die;
    if (!$id) {
        close $read;
        my @list = map { { n => $_, s => "child $child" x ($_ % 9) } } 1 .. 5000;
        print $write scalar(@list), ' ', length join '', map { $_->{s} } @list;
        exit 0;
    }
    close $write;
    push @children, [ $id, $read ];
}
for (@children) {
    my ($id, $read) = @$_;
    print scalar(<$read>), "\n";
    waitpid $id, 0;
    print $?, "\n";
}
my $eval = eval 'my @a = (1) x 100000; die { code => scalar @a }';
print $@->{code}, "\n";
print unpack('%32C*', pack 'w*', map { $_ * $_ } 1 .. 20000), "\n";
