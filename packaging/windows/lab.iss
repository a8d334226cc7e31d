; An installer for Windows by Inno Setup 6, for one person, without an administrator:
;
;     iscc /DVersion=0.1.0 /DPrograms=..\..\target\release packaging\windows\lab.iss
;
; How far it was tested: see packaging/README.md.

#ifndef Version
  #define Version "0.1.0"
#endif
#ifndef Programs
  #define Programs "..\..\target\release"
#endif

[Setup]
AppId=lab-desktop
AppName=lab
AppVersion={#Version}
AppPublisher=The lab authors
DefaultDirName={autopf}\lab
DefaultGroupName=lab
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
ChangesEnvironment=yes
LicenseFile=..\..\LICENSE-MIT
SetupIconFile=..\..\assets\icon\lab.ico
UninstallDisplayIcon={app}\lab-desktop.exe
OutputDir=..\..\target\package
OutputBaseFilename=lab-{#Version}-x86_64-windows
Compression=lzma2
SolidCompression=yes
WizardStyle=modern

[Tasks]
Name: path; Description: "Make `lab` known to terminals (PATH)"

[Files]
Source: "{#Programs}\lab.exe"; DestDir: "{app}"
Source: "{#Programs}\lab-desktop.exe"; DestDir: "{app}"
Source: "..\..\LICENSE-MIT"; DestDir: "{app}"
Source: "..\..\LICENSE-APACHE"; DestDir: "{app}"
Source: "..\..\assets\fonts\OFL.txt"; DestDir: "{app}"
Source: "..\..\docs\*.md"; DestDir: "{app}\docs"

[Icons]
Name: "{group}\lab"; Filename: "{app}\lab-desktop.exe"

[Registry]
; A notebook's file is a .toml like others: the program is offered under "Open with" and takes nothing over.
Root: HKA; Subkey: "Software\Classes\Applications\lab-desktop.exe\shell\open\command"; ValueType: string; \
  ValueData: """{app}\lab-desktop.exe"" ""%1"""; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\Applications\lab-desktop.exe\SupportedTypes"; ValueType: string; \
  ValueName: ".toml"; Flags: uninsdeletekey

[Code]
const
  Key = 'Environment';

procedure CurStepChanged(Step: TSetupStep);
var
  Paths: string;
begin
  if (Step <> ssPostInstall) or not WizardIsTaskSelected('path') then
    Exit;
  if not RegQueryStringValue(HKCU, Key, 'Path', Paths) then
    Paths := '';
  if Pos(';' + Lowercase(ExpandConstant('{app}')) + ';', ';' + Lowercase(Paths) + ';') = 0 then
    RegWriteExpandStringValue(HKCU, Key, 'Path', Paths + ';' + ExpandConstant('{app}'));
end;

procedure CurUninstallStepChanged(Step: TUninstallStep);
var
  Paths: string;
begin
  if Step <> usPostUninstall then
    Exit;
  if RegQueryStringValue(HKCU, Key, 'Path', Paths) then
  begin
    StringChangeEx(Paths, ';' + ExpandConstant('{app}'), '', True);
    RegWriteExpandStringValue(HKCU, Key, 'Path', Paths);
  end;
end;
