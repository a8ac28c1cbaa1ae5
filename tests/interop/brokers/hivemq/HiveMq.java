import com.hivemq.embedded.EmbeddedExtension;
import com.hivemq.embedded.EmbeddedHiveMQ;
import com.hivemq.extension.sdk.api.ExtensionMain;
import com.hivemq.extension.sdk.api.auth.SimpleAuthenticator;
import com.hivemq.extension.sdk.api.packets.connect.ConnackReasonCode;
import com.hivemq.extension.sdk.api.parameter.ExtensionStartInput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStartOutput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStopInput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStopOutput;
import com.hivemq.extension.sdk.api.services.Services;
import java.nio.file.Files;
import java.nio.file.Path;

/** HiveMQ CE that lets anybody in who brings no method of authentication: java HiveMq.java FOLDER,
 * which has config.xml. */
public class HiveMq {
  static class Anybody implements ExtensionMain {
    public void extensionStart(ExtensionStartInput in, ExtensionStartOutput out) {
      SimpleAuthenticator anybody =
          (asked, answer) -> {
            if (asked.getConnectPacket().getAuthenticationMethod().isPresent())
              answer.failAuthentication(ConnackReasonCode.BAD_AUTHENTICATION_METHOD, "no method");
            else answer.authenticateSuccessfully();
          };
      Services.securityRegistry().setAuthenticatorProvider(asked -> anybody);
    }

    public void extensionStop(ExtensionStopInput in, ExtensionStopOutput out) {}
  }

  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    EmbeddedExtension anybody =
        EmbeddedExtension.builder()
            .withId("anybody")
            .withName("Anybody")
            .withVersion("1")
            .withExtensionMain(new Anybody())
            .build();
    EmbeddedHiveMQ.builder()
        .withConfigurationFolder(folder)
        .withDataFolder(Files.createDirectories(folder.resolve("data")))
        .withExtensionsFolder(Files.createDirectories(folder.resolve("extensions")))
        .withEmbeddedExtension(anybody)
        .build()
        .start()
        .join();
  }
}
