import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import software.amazon.event.ruler.JsonRuleCompiler;
import software.amazon.event.ruler.Machine;

/**
 * event-ruler's side of matching.py: reads rules and events from files, then answers each line "SECONDS" on standard
 * input with "EVENTS CPU_SECONDS MATCHES_OF_ONE_PASS", having matched for that long.
 *
 * <p>A rule per line of the first file, an event per line of the second; what a line of a file says is the text that
 * is given to the machine. Rules that event-ruler refuses are an error. With "apart" as the third argument each rule has a
 * machine of its own: slow, and the judge where the sides disagree.
 */
public final class RulerPeer {
    public static void main(String[] arguments) throws Exception {
        List<String> rules = Files.readAllLines(Path.of(arguments[0]));
        List<String> events = Files.readAllLines(Path.of(arguments[1]));
        boolean apart = arguments.length > 2 && arguments[2].equals("apart");
        List<Machine> machines = new ArrayList<>(List.of(new Machine()));
        for (int number = 0; number < rules.size(); number++) {
            if (apart && number > 0) {
                machines.add(new Machine());
            }
            for (var alternative : JsonRuleCompiler.compile(rules.get(number))) {
                machines.get(machines.size() - 1).addPatternRule("r" + number, alternative);
            }
        }
        System.out.println("ready");
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        var input = new java.io.BufferedReader(new java.io.InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            long until = System.nanoTime() + (long) (Double.parseDouble(line) * 1e9);
            long before = threads.getCurrentThreadCpuTime();
            long matches = 0;
            long matched = 0;
            // One whole pass at least, so that the matches can be compared; after that the clock decides.
            for (int next = 0; matched < events.size() || matched % 64 != 0 || System.nanoTime() < until; matched++) {
                int found = 0;
                for (Machine machine : machines) {
                    found += machine.rulesForJSONEvent(events.get(next)).size();
                }
                if (matched < events.size()) {
                    matches += found;
                }
                next = next + 1 == events.size() ? 0 : next + 1;
            }
            double seconds = (threads.getCurrentThreadCpuTime() - before) / 1e9;
            System.out.println(matched + " " + seconds + " " + matches);
        }
    }
}
